"""Other people's captures are judged only where there are some: FINWAIT_CORPORA names folders."""

from .captures import CORPORA

collect_ignore = [] if CORPORA else ["test_corpora.py"]
