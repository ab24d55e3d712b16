"""Stack traces of the languages services are written in, several lines in one message."""

from __future__ import annotations

import random

_VERBS = (
    "load",
    "apply",
    "resolve",
    "convert",
    "persist",
    "dispatch",
    "collect",
    "merge",
    "handle",
    "prepare",
)


def trace(language: str, package: str, noun: str, headline: str, rng: random.Random) -> str:
    """Return `headline` with a trace below it in the manner of `language`: java, python, go, node or dotnet."""
    verbs = rng.sample(_VERBS, 4)
    lines = sorted(rng.sample(range(20, 480), 4))
    noun = noun.capitalize()
    frames: tuple[str, ...]
    if language == "java":
        frames = (
            f"\tat com.{package}.{noun}Service.{verbs[0]}({noun}Service.java:{lines[0]})",
            f"\tat com.{package}.{noun}Facade.{verbs[1]}({noun}Facade.java:{lines[1]})",
            f"\tat com.{package}.web.{noun}Endpoint.{verbs[2]}({noun}Endpoint.java:{lines[2]})",
            f"\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:{lines[3]})",
            "\t... 31 common frames omitted",
        )
        return "\n".join((headline, *frames[: rng.randint(3, 5)]))
    if language == "python":
        low = noun.lower()
        frames = (
            "Traceback (most recent call last):",
            f'  File "/srv/{package}/{low}/views.py", line {lines[0]}, in {verbs[0]}_{low}',
            f"    return self.{verbs[1]}({low})",
            f'  File "/srv/{package}/{low}/model.py", line {lines[1]}, in {verbs[1]}',
            f"    {verbs[2]}({low}.state)",
            headline,
        )
        return "\n".join(frames)
    if language == "go":
        frames = (
            f"panic: {headline}",
            "",
            f"goroutine {lines[2]} [running]:",
            f"{package}/internal/{noun.lower()}.(*Store).{verbs[0].capitalize()}(0x{rng.getrandbits(36):x})",
            f"\t/build/internal/{noun.lower()}/store.go:{lines[0]} +0x{rng.getrandbits(10):x}",
            "main.main()",
            f"\t/build/cmd/{package}/main.go:{lines[1]} +0x{rng.getrandbits(10):x}",
        )
        return "\n".join(frames)
    if language == "node":
        frames = (
            f"    at {noun}Repo.{verbs[0]} (/app/dist/{noun.lower()}.repo.js:{lines[0]}:17)",
            f"    at async {noun}Handler.{verbs[1]} (/app/dist/{noun.lower()}.handler.js:{lines[1]}:9)",
            f"    at async /app/dist/router.js:{lines[2]}:5",
        )
        return "\n".join((headline, *frames))
    frames = (
        f"   at {package.capitalize()}.{noun}.{noun}Store.{verbs[0].capitalize()}() in /src/{noun}Store.cs:line {lines[0]}",
        f"   at {package.capitalize()}.{noun}.{noun}Controller.{verbs[1].capitalize()}() in /src/{noun}Controller.cs:line {lines[1]}",
    )
    return "\n".join((headline, *frames))
