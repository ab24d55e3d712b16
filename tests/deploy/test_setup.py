"""The set-up before anything is installed: one sentence for what is missing, progress on the way, nothing to do twice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PLENTY = 10**12


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the set-up needs of a clone; nothing is installed in it."""
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path


@pytest.fixture
def setup(clone: Path) -> ModuleType:
    spec = spec_from_file_location("setup_of_a_clone", clone / "deploy" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(clone: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=clone, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_python_make_says_how_to_get_it(clone: Path) -> None:
    done = run(clone, "make", "run", "PYTHON=")
    assert done.returncode == 2
    assert done.stderr.startswith("mayday: Python 3.11 or 3.12 is needed: sudo apt-get install python3.11")


@pytest.mark.parametrize("version", [(3, 10), (3, 13)])
def test_another_python_is_named_with_the_way_to_the_right_one(
    setup: ModuleType, version: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        setup.check_machine(version, PLENTY)
    assert capsys.readouterr().err == (
        f"mayday: Python 3.11 or 3.12 is needed and this is 3.{version[1]}: "
        "install python3.11 and run `make PYTHON=python3.11 run`.\n"
    )


def test_too_little_room_is_said_before_anything_is_fetched(
    setup: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.check_machine((3, 11), setup.NEED_FREE)
    with pytest.raises(SystemExit, match="2"):
        setup.check_machine((3, 11), setup.NEED_FREE - 1)
    assert capsys.readouterr().err.startswith("mayday: less than 8 GB are free here")


def test_a_python_without_venv_is_named_with_its_package(clone: Path) -> None:
    """As Debian ships it: the module stands in a package of its own."""
    (clone / "ensurepip.py").write_text("raise ImportError")
    done = run(clone, sys.executable, "deploy/setup.py", PYTHONPATH=str(clone))
    assert done.returncode == 2
    assert done.stderr == (
        "mayday: Python's venv module is missing: install it with `sudo apt-get install python3-venv`.\n"
    )


def test_without_git_it_says_how_to_get_it(clone: Path) -> None:
    done = run(clone, sys.executable, "deploy/setup.py", PATH=str(clone))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mayday: git is missing: install it with `sudo apt-get install git`.\n"


@pytest.mark.parametrize(("ready", "asked"), [(False, []), (True, []), (True, ["--test"])])
def test_what_is_set_up_is_not_set_up_again(
    clone: Path, setup: ModuleType, ready: bool, asked: list[str]
) -> None:
    """An environment for the tests also serves to run."""
    (clone / ".venv").mkdir()
    (clone / ".venv" / f"ready-{setup.stamp(ready)}").touch()
    done = run(clone, sys.executable, "deploy/setup.py", *asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (clone / ".venv" / "bin").exists()


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml"])
def test_other_pins_are_another_environment(clone: Path, setup: ModuleType, changed: str) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / f"ready-{setup.stamp(False)}").touch()
    assert setup.is_ready(False)
    assert not setup.is_ready(True)
    with (clone / changed).open("a") as file:
        file.write("\n")
    assert not setup.is_ready(False)


def test_progress_says_size_share_and_time_left(setup: ModuleType) -> None:
    assert setup.progress(500_000_000, 2_000_000_000, 30) == (
        "[#######.......................] 0.5 of about 2.0 GB, about 1 min 30 s left"
    )
    assert setup.progress(1_000, 2_000_000_000, 2).endswith("0.0 of about 2.0 GB, estimating the time left")
    assert setup.progress(9_000_000_000, 2_000_000_000, 60).endswith("about 0 min 00 s left")


def test_what_lies_in_the_environment_is_what_is_measured(setup: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "a").write_bytes(bytes(10))
    (tmp_path / "tree" / "deep" / "b").write_bytes(bytes(5))
    assert setup.tree_bytes(tmp_path / "tree", tmp_path / "absent") == 15


def test_a_failing_install_says_what_pip_said_and_is_not_ready(clone: Path) -> None:
    """pip is refused every source, so that it fails at once and fetches nothing."""
    done = run(
        clone, sys.executable, "deploy/setup.py", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=""
    )
    assert done.returncode == 2
    assert "setting up .venv (once; about 2.0 GB, a few minutes)" in done.stderr
    assert "installing the packages failed; pip said:\n" in done.stderr
    assert "  ERROR: " in done.stderr
    assert Path(done.stderr.rstrip().rpartition("All of it: ")[2]).read_text().startswith("ERROR: ")
    assert list((clone / ".venv").glob("ready-*")) == []


def test_the_readme_says_the_size_that_the_set_up_says(setup: ModuleType) -> None:
    size = f"{setup.EXPECTED_BYTES[False] / 1e9:.1f} GB"
    assert f"It installs about {size} into `.venv`" in (ROOT / "README.md").read_text()


def test_what_only_the_tests_need_is_asked_for_with_the_one_command_that_installs_it(clone: Path) -> None:
    present = run(clone, "sh", "deploy/need.sh", "sh", CI="")
    assert (present.returncode, present.stderr) == (0, "")
    absent = run(clone, "sh", "deploy/need.sh", "sh", "mayday-absent-1", "mayday-absent-2", CI="")
    assert absent.returncode == 2
    assert absent.stderr == (
        "mayday: the tests need mayday-absent-1 mayday-absent-2. "
        "Install with: sudo apt-get install -y mayday-absent-1 mayday-absent-2\n"
    )
    library = run(clone, "sh", "deploy/need.sh", "libc.so.6=libc6", "libabsent.so.1=libabsent1", CI="")
    assert library.returncode == 2
    assert library.stderr.endswith("sudo apt-get install -y libabsent1\n")
    recipe = run(clone, "make", "--dry-run", "test").stdout
    assert "sh deploy/need.sh chromium" in recipe
    assert "deploy/setup.py --test" in recipe
    assert "need.sh" not in run(clone, "make", "--dry-run", "run").stdout


def test_every_dependency_is_pinned_exactly_and_torch_without_a_build() -> None:
    pins = dict[str, str]()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert re.fullmatch(r"[A-Za-z0-9._+-]+", version), line
            pins[canonicalize_name(name)] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement.name
    assert "+" not in pins["torch"]


@pytest.mark.parametrize("target", ["setup", "run", "test", "prove", "lint", "bench", "docs"])
def test_make_knows_its_targets(clone: Path, target: str) -> None:
    assert run(clone, "make", "--dry-run", target).returncode == 0


def test_what_ci_calls_is_make_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_what_is_installed_is_what_is_pinned() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    )
    installed = {
        canonicalize_name(each.metadata["Name"]): each.version.split("+")[0] for each in distributions()
    }
    pinned = {canonicalize_name(name): wanted.strip() for name, wanted in pins.items()}
    assert "torch" in installed
    assert {name: found for name, found in installed.items() if pinned.get(name, found) != found} == {}


def test_running_needs_no_rights_of_the_administrator(clone: Path) -> None:
    for target in ("run", "setup"):
        planned = run(clone, "make", "--dry-run", target)
        assert planned.returncode == 0
        assert not re.search(r"^\s*(sudo|su|apt-get)\b", planned.stdout, re.MULTILINE)


@pytest.mark.parametrize("seconds", [2, 30, 3_599, 86_400])
def test_progress_is_drawn_over_itself_on_a_terminal_of_80_columns(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """A row that is full to its last column is broken by the terminal, and each second leaves a line behind."""
    drawn = StringIO()
    drawn.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", drawn)
    monkeypatch.setattr(
        setup, "progress", lambda *_, real=setup.progress: real(90_000_000, 2_000_000_000, seconds)
    )
    once = Once()
    setup.show_progress(once, 2_000_000_000)
    rows = drawn.getvalue().split("\r")
    assert any("of about 2.0 GB" in row for row in rows)
    assert max(map(len, rows)) <= 79
    assert "\n" not in drawn.getvalue()


class Once(Event):
    """Is not set when first waited for, and set from then on."""

    def wait(self, timeout: float | None = None) -> bool:
        was, _ = self.is_set(), self.set()
        return was


def test_ctrl_c_ends_the_set_up_with_one_sentence(clone: Path) -> None:
    """The terminal interrupts all of it, also Python's venv, which would show where it was."""
    log = clone / ".venv" / "install.log"
    with subprocess.Popen(
        [sys.executable, "deploy/setup.py"],
        cwd=clone,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as begun:
        assert any(log.exists() or Event().wait(0.05) for _ in range(400))
        Event().wait(1.0)  # venv is at work for several seconds
        os.killpg(begun.pid, signal.SIGINT)
        _, said = begun.communicate(timeout=60)
    assert begun.returncode == 130
    assert said.endswith("\nmayday: the set-up was stopped; the next `make` begins it again\n")
    assert "Traceback" not in said
    assert list((clone / ".venv").glob("ready-*")) == []
