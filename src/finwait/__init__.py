"""Why did this TCP connection end the way it did: who closed it, how, and why?"""

from finwait.explain import explain as explain
from finwait.version import VERSION

__version__ = VERSION
