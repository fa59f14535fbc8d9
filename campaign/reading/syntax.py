"""Words for text that is no YAML."""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from campaign.problems import Problem

WHOLE_FILE = "(file)"  # the key of problems that are about no key


def syntax_problem(error: YAMLError, text: str, file: str) -> Problem:
    """The one problem that keeps ``text`` from being read at all.

    Args:
        error: what the YAML parser raised.
        text: what it was given.
        file: name of the file in messages.
    """
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        character = f"the character U+{ord(text[error.position]):04X}"
        return Problem(file, line, column, WHOLE_FILE, "must be printable text", character, "delete the character")
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(file, 1, 1, WHOLE_FILE, "must be valid YAML", None, str(error))
    line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
    context = error.context or ""
    said = f"{error.problem} {context}" if context.startswith("while") else f"{context} {error.problem}".strip()
    return Problem(file, line, column, WHOLE_FILE, f"must be valid YAML: {said}", None, _syntax_fix(error, text))


def _syntax_fix(error: MarkedYAMLError, text: str) -> str:
    lines = text.splitlines()
    line = lines[error.problem_mark.line] if error.problem_mark.line < len(lines) else ""
    if "\t" in line[: error.problem_mark.column + 1]:
        return "indent with spaces, not tabs"
    if "mapping values" in error.problem:
        return "indent the keys of one mapping equally, and quote text that holds ': '"
    if "flow" in (error.context or ""):
        return f"close the bracket opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
    if "quoted" in (error.context or ""):
        return f"close the quote opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
    if "document" in error.problem:
        return "keep one document in a file, remove '---'"
    return "write 'key: value', with a blank after the colon, and quote special characters"
