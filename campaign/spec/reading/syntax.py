"""What keeps a text from being read as YAML at all, in words that a user can act on."""

from __future__ import annotations

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from campaign.spec.problems import Problem
from campaign.spec.reading.blanks import ODD_BLANK, ODD_BLANK_FIX, odd_blank_rule

WHOLE_FILE = "(file)"  # the key of problems that are about no key
MOST_NESTED = 60  # levels; a spec has seven


class VersionError(YAMLError):
    """A text declares a version of YAML that is not read here; ``written`` is the version."""

    def __init__(self, written: str) -> None:
        super().__init__(f"YAML {written}")
        self.written = written


def syntax_problem(error: YAMLError, text: str, file: str) -> Problem:
    """The one problem that keeps ``text``, of a file of that name, from being read; ``error`` is the parser's."""
    if isinstance(error, VersionError):
        before = text[: text.index("%YAML")]
        fix = f"remove the line '%YAML {error.written}'"
        return Problem(file, before.count("\n") + 1, 1, WHOLE_FILE, "must be YAML 1.2", f"YAML {error.written}", fix)
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        character = f"the character U+{ord(text[error.position]):04X}"
        return Problem(file, line, column, WHOLE_FILE, "must be printable text", character, "delete the character")
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(file, 1, 1, WHOLE_FILE, "must be valid YAML", None, str(error))
    return _odd_blank(error, text, file) or _marked(error, text, file)


def _odd_blank(error: MarkedYAMLError, text: str, file: str) -> Problem | None:
    """The first odd blank in the lines that the parser took for one construct; it is to blame."""
    last = error.problem_mark.line
    first = last if error.context_mark is None else min(error.context_mark.line, last)
    for number, line in enumerate(text.split("\n")[first : last + 1], first + 1):
        if found := ODD_BLANK.search(line.partition(" #")[0]):
            return Problem(file, number, found.start() + 1, WHOLE_FILE, odd_blank_rule(found[0]), None, ODD_BLANK_FIX)
    return None


def _marked(error: MarkedYAMLError, text: str, file: str) -> Problem:
    opened = error.context_mark if _is_of_its_beginning(error) else None
    line, column = (opened or error.problem_mark).line + 1, (opened or error.problem_mark).column + 1
    if isinstance(error, MaxDepthExceededError):
        rule = f"must not nest deeper than {MOST_NESTED} levels"
        return Problem(file, line, column, WHOLE_FILE, rule, None, "remove brackets")
    context = error.context or ""
    reason = f"{error.problem} {context}" if context.startswith("while") else f"{context} {error.problem}".strip()
    return Problem(file, line, column, WHOLE_FILE, f"must be valid YAML: {reason}", None, _fix(error, text))


def _is_of_its_beginning(error: MarkedYAMLError) -> bool:
    """Whether the parser went on past the line to blame: of what was opened there, or of a word without a colon."""
    started = error.context_mark
    if started is None or started.line == error.problem_mark.line:
        return False
    return "could not find" in error.problem or any(word in error.context for word in ("flow", "quoted"))


def _fix(error: MarkedYAMLError, text: str) -> str:
    lines = text.splitlines()
    line = lines[error.problem_mark.line] if error.problem_mark.line < len(lines) else ""
    if "\t" in line[: error.problem_mark.column + 1]:
        return "indent with spaces, not tabs"
    if "mapping values" in error.problem or "block mapping" in (error.context or ""):
        return "indent the keys of one mapping equally, and quote text that holds ': '"
    if "flow" in (error.context or ""):
        opened = f"close the bracket opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
        is_closed = "got '}'" in error.problem or "got ']'" in error.problem
        return opened if is_closed or _is_of_its_beginning(error) else f"write a comma before it, or {opened}"
    if "quoted" in (error.context or ""):
        return f"close the quote opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
    if "document" in error.problem:
        return "keep one document in a file, remove '---'"
    if "could not find" in error.problem:
        return "write 'key: value', with a blank after the colon, or '- ' before an entry of a list"
    return "write 'key: value', with a blank after the colon, and quote special characters"
