"""`%{ … }%`: Python that looks at what TCP_INFO said. All blocks of a script are one program, run once at its end."""

import io
import traceback
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field

from finwait.script.constants import CODE_NAMES
from finwait.script.syntax import Code, Position


@dataclass(frozen=True, slots=True)
class CodeFault:
    """What a block raised."""

    at: Position
    message: str
    traceback: str


@dataclass(slots=True)
class Program:
    """The blocks met so far, each with what was known at its time."""

    path: str
    running: Position | None = None
    """The block that runs now."""
    blocks: list[tuple[Code, Mapping[str, int]]] = field(default_factory=list)

    def add(self, code: Code, info: Mapping[str, int]) -> None:
        """Take a block and its snapshot."""
        self.blocks.append((code, dict(info)))

    def run(self) -> tuple[CodeFault | None, str]:
        """Run all blocks in one namespace, so that names live on. Gives the first fault, and what was printed."""
        space: dict[str, object] = {"__name__": "__main__", **CODE_NAMES}
        printed = io.StringIO()
        with redirect_stdout(printed):
            for code, info in self.blocks:
                space |= info
                self.running = code.at
                fault = self._one(code, space, info)
                if fault is not None:
                    return fault, printed.getvalue()
        self.running = None
        return None, printed.getvalue()

    def _one(
        self, code: Code, space: dict[str, object], info: Mapping[str, int]
    ) -> CodeFault | None:
        # Empty lines before the block let tracebacks name the lines of the script.
        text = "\n" * (max(code.at.line, 1) - 1) + code.text + "\n\n"  # it may end in a backslash
        try:
            exec(compile(text, self.path, "exec"), space)  # noqa: S102 - it is what a script asks for
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the script's own code raises is its verdict
            if isinstance(error, SystemExit) and not error.code:
                return None
            return self._fault(code, error, info)
        return None

    def _fault(self, code: Code, error: BaseException, info: Mapping[str, int]) -> CodeFault:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == self.path]
        line = frames[-1].lineno if frames else getattr(error, "lineno", None)
        source = code.text.splitlines()
        at = (line or code.at.line) - code.at.line
        shown = source[at].strip() if 0 <= at < len(source) else ""
        names = [name for name in info if name in shown]
        values = ", ".join(f"{name} = {info[name]}" for name in names)
        said = "".join(traceback.format_exception_only(error)).strip()
        message = " ".join(filter(None, (shown or said, f"({values})" if values else "")))
        detail = "".join(traceback.format_list(frames)) + said
        return CodeFault(Position(line or code.at.line, 0), message, detail)
