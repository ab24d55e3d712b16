"""What the pages say can be done: their commands, files, links and settings are there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from typer._click import core as click
from typer.core import TyperGroup
from typer.main import get_command

from bot.cli.main import app, run
from bot.config import Config
from bot.grammar import COMMANDS
from docs.generate import modules
from models.errors import MaydayError
from storage.layout import Layout

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *DECISIONS.glob("*.md"))
    if page.is_file()
)
READ = [page for page in PAGES if page.parent != DECISIONS]
FILE = re.compile(r"[\w-]+\.(?:py|md|toml|sh|ya?ml|css|js|sql|txt|json)")
PLACE = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?")
# Written or read where Mayday runs, not kept here.
ELSEWHERE = {"mayday.toml", "docker-compose.yml", "incidents.json", "changes.json"}


def spans(page: Path) -> Iterator[str]:
    """What stands as code inside a sentence of `page`."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for found in re.finditer(r"`([^`]+)`", text):
        yield " ".join(found[1].split())


def typed(page: Path) -> Iterator[str]:
    """The command lines of `page`: in sentences, and in blocks without what is said beside them."""
    yield from spans(page)
    for line in page.read_text("utf-8").splitlines():
        if line.startswith(("    ", "mayday ", "make ")):
            yield re.split(r"\s#", line.strip(), maxsplit=1)[0].rstrip()


def id_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def names() -> frozenset[str]:
    return frozenset(path.name for path in ROOT.rglob("*") if ".venv" not in path.parts)


@pytest.mark.parametrize("page", READ, ids=id_of)
def test_every_file_that_a_page_names_is_there(page: Path, names: frozenset[str]) -> None:
    state = {".venv"} | state_folders()
    missing = []
    for span in spans(page):
        if FILE.fullmatch(span) and span not in names | ELSEWHERE:
            missing.append(span)
        elif (
            PLACE.fullmatch(span) and span.split("/")[0] not in state and not span.startswith("application/")
        ):
            here = [base / span for base in (ROOT, page.parent)]
            if not any(place.exists() for place in here) and not list(page.parent.glob(span + "-*.md")):
                missing.append(span)
    assert missing == []


def state_folders() -> set[str]:
    layout = Layout(Path("/state"))
    found = [getattr(layout, name) for name in dir(layout) if not name.startswith("_")]
    return {
        place.relative_to("/state").parts[0]
        for place in found
        if isinstance(place, Path) and place != layout.root
    }


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\[[^\]]+\]\(([^)#\s]+)", text)
    assert [each for each in targets if "://" not in each and not (page.parent / each).exists()] == []


@pytest.mark.parametrize("page", READ, ids=id_of)
def test_every_command_that_a_page_names_can_be_typed(page: Path) -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    context = click.Context(root, info_name="mayday")
    wrong = [
        line for line in typed(page) if re.match(r"mayday [a-z]", line) and not known(root, context, line)
    ]
    assert wrong == []


def known(root: TyperGroup, context: click.Context, line: str) -> bool:
    """Whether the words of `line` name commands and options that are there; what they are given is not looked at."""
    words = shlex.split(line.replace("'", "")) if line.count('"') % 2 else shlex.split(line)
    command: click.Command | None = root
    options: set[str] = set()
    for word in words[1:]:
        if word in {"|", ">", "&&", "2>"}:
            break
        if word.startswith("--"):
            options.add(word.split("=")[0])
        elif isinstance(command, TyperGroup) and re.fullmatch(r"[a-z]+", word):
            inner = command.get_command(context, word)
            if inner is None and command is not root and command.no_args_is_help:
                return False
            if inner is None and command is root:
                return False
            command = inner or command
    assert command is not None
    takes = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    return options <= takes


@pytest.mark.parametrize("page", READ, ids=id_of)
def test_every_slash_command_that_a_page_names_is_known(page: Path) -> None:
    for command in COMMANDS:
        verbs = {spelling for verb in command.verbs for spelling in (verb.name, *verb.aliases)}
        found = (re.match(rf"/{command.name} ([a-z]+)", line) for line in typed(page))
        assert {match[1] for match in found if match} <= verbs


@pytest.mark.parametrize("page", READ, ids=id_of)
def test_every_make_target_that_a_page_names_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    said = {match[1] for line in typed(page) if (match := re.match(r"make ([a-z][a-z-]*)", line))}
    assert said <= targets


@pytest.mark.parametrize("page", READ, ids=id_of)
def test_every_configuration_that_a_page_shows_is_taken(page: Path) -> None:
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        Config.model_validate(tomllib.loads(dedent(block)))


def test_the_readme_begins_with_the_two_commands_and_a_picture() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    first = [line.split("#")[0].strip() for line in text.splitlines() if line.startswith("    ")][:2]
    assert first == ["make run", "make test"]
    assert text.index("make test") < text.index("```") < text.index("##")


def test_the_readme_says_that_the_local_workspace_is_a_stand_in() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert "The local workspace is not Slack." in text
    assert (
        "[`docs/workspace.md`](docs/workspace.md) says what it does as Slack does, and what it does not do."
        in text
    )


@pytest.mark.parametrize("page", ["on-call.md", "developers.md", "operations.md"])
def test_there_are_three_ways_in_and_each_of_them_leads_on(page: str) -> None:
    assert (ROOT / "docs" / page).is_file()
    assert f"(docs/{page})" in (ROOT / "README.md").read_text("utf-8")
    assert f"({page})" in (ROOT / "docs" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "README.md"], ids=id_of)
def test_what_the_first_pages_refer_to_is_a_link_that_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\[([^]]+)\]\(([^)#]+)\)", text)
    assert links
    assert [to for _, to in links if not (page.parent / to).exists()] == []
    named = {span for span in spans(page) if span.startswith("docs/")}
    assert named - {to for _, to in links} == set()
    if page.parent.name == "docs":  # no page is left out
        pages = {each.name for each in page.parent.glob("*.md")} - {page.name}
        assert pages <= {to for _, to in links}


@pytest.mark.parametrize(
    ("code", "arguments", "raised"),
    [
        (0, ["config", "schema"], None),
        (1, ["status", "--state", "nothing-runs-here"], None),
        (2, ["config", "show", "-c", "absent.toml"], None),
        (3, ["config", "show"], RuntimeError),
        (130, ["config", "show"], KeyboardInterrupt),
    ],
)
def test_every_exit_code_is_documented_once_and_true(
    code: int,
    arguments: list[str],
    raised: type[BaseException] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = (ROOT / "docs" / "README.md").read_text("utf-8").partition("## Exit codes")[2]
    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == ["0", "1", "2", "3", "130"]

    def fail(*_: object) -> None:
        raise (raised or AssertionError)

    monkeypatch.chdir(tmp_path)
    if raised is not None:
        monkeypatch.setattr("bot.cli.config.read", fail)
    assert run(arguments) == code


def test_the_architecture_has_one_picture_at_its_beginning() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert text.count("```") >= 2
    assert text.index("```") < 600


def test_every_error_says_what_it_means_and_what_to_do() -> None:
    list(modules())
    todo, meanings = [MaydayError], dict[str, tuple[str, str]]()
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.code)
        for said in (kind.meaning, kind.remedy):
            assert len(said.split()) >= 3
            assert said.endswith(".")
        if "code" in vars(kind):  # a code belongs to one error; those below it may share it
            assert meanings.setdefault(kind.code, (kind.meaning, kind.remedy)) == (kind.meaning, kind.remedy)
