"""How programs dress what they say. A dialect turns a text into a template, once per text; values come later.

Every dialect is given the same four things, whichever of them it uses.
"""
# ruff: noqa: ARG001

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

_LETTERS = {"DEBUG": "D", "INFO": "I", "WARN": "W", "ERROR": "E", "FATAL": "F"}
_VALUE = re.compile(r"\s*\{(\w+)(?::[^{}]*)?\}\s*")

Dress = Callable[[str, str, str, random.Random], str]


def _source(rng: random.Random, *names: str) -> str:
    return rng.choice(names)


def _plain(level: str, text: str, service: str, rng: random.Random) -> str:
    return text


def _logfmt(level: str, text: str, service: str, rng: random.Random) -> str:
    quoted = text.replace('"', "'")
    tail = rng.choice(("", "", f" caller=main.go:{rng.randint(20, 900)}", " pid={pid}", " req={rid}"))
    return f'lvl={level.lower()} msg="{quoted}"{tail}'


def _spring(level: str, text: str, service: str, rng: random.Random) -> str:
    thread = rng.choice(("http-nio-8443-t{small}", "scheduling-{small}", "task-{n}", "grpc-default-{n}"))
    words = "".join(word.capitalize() for word in service.split("-"))
    kind = _source(rng, "Service", "Handler", "Repository", "Client", "Job", "Filter")
    return f"[{thread}] c.{service[0]}.{service.split('-')[0]}.{words}{kind} : {text}"


def _zap(level: str, text: str, service: str, rng: random.Random) -> str:
    where = f"{service.replace('-', '')}/{_source(rng, 'server', 'store', 'sync', 'client', 'loop')}.go:{rng.randint(20, 700)}"
    first = _VALUE.sub(" ", text, count=1).strip() if text.count("{") == 1 and "\n" not in text else ""
    hole = re.search(r"\{(\w+)(?::[^{}]*)?\}", text)
    if first and hole and len(first) > 12:
        return f'{where}\t{first}\t{{"{hole[1].split("_")[0]}": {hole[0]}}}'
    return f"{where}\t{text}"


def _python(level: str, text: str, service: str, rng: random.Random) -> str:
    module = f"{service.replace('-', '_')}.{_source(rng, 'views', 'tasks', 'store', 'client', 'signals', 'worker')}"
    if rng.random() < 0.5:
        return f"{module}: {text}"
    return f"{level}:{module}:{text}"


def _glog(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"{_LETTERS[level]} {{pid}} {service.replace('-', '_')}.cc:{rng.randint(20, 900)}] {text}"


def _bracketed(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"[{service}] [{_source(rng, 'core', 'io', 'web', 'timer', 'db')}] {text}"


def _tracing(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"{service.replace('-', '_')}::{_source(rng, 'api', 'sync', 'store', 'queue')}: {text}"


def _syslog(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"{service.replace('-', '')}d[{{pid}}]: {text}"


def _jsonic(level: str, text: str, service: str, rng: random.Random) -> str:
    quoted = text.replace("\\", "/").replace('"', "'").replace("\n", "\\n").replace("\t", "\\t")
    extra = rng.choice(('"rid":"{rid}"', f'"mod":"{_source(rng, "api", "core", "jobs")}"', '"pid":{pid}'))
    return f'{{"sev":"{level.lower()}",{extra},"msg":"{quoted}"}}'


def _dotnet(level: str, text: str, service: str, rng: random.Random) -> str:
    words = ".".join(word.capitalize() for word in service.split("-"))
    return f"{words}.{_source(rng, 'Worker', 'Api', 'Store', 'Pipeline')}[{rng.randint(0, 40)}] {text}"


def _request_tagged(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"<{{rid}}> {text}" if rng.random() < 0.6 else text


APPS: Mapping[str, tuple[Dress, str]] = {
    "plain": (_plain, "node"),
    "logfmt": (_logfmt, "go"),
    "spring": (_spring, "java"),
    "zap": (_zap, "go"),
    "python": (_python, "python"),
    "glog": (_glog, "go"),
    "bracketed": (_bracketed, "node"),
    "tracing": (_tracing, "go"),
    "jsonic": (_jsonic, "node"),
    "dotnet": (_dotnet, "dotnet"),
    "tagged": (_request_tagged, "java"),
    "syslog": (_syslog, "python"),
}
"""Dialects of programs, each with the language whose traces they print."""


def _postgres(level: str, text: str, service: str, rng: random.Random) -> str:
    word = {"INFO": "LOG", "WARN": "WARNING", "DEBUG": "DEBUG"}.get(level, level)
    return f"[{{pid}}] {word}:  {text}"


def _mysql(level: str, text: str, service: str, rng: random.Random) -> str:
    word = {"INFO": "Note", "WARN": "Warning", "DEBUG": "Note"}.get(level, "ERROR")
    return f"{{n}} [{word}] [MY-0{rng.randint(10000, 13999)}] [{_source(rng, 'Server', 'InnoDB', 'Repl')}] {text}"


def _redis(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"{{pid}}:M {'#' if level in ('WARN', 'ERROR', 'FATAL') else '*'} {text}"


def _broker(level: str, text: str, service: str, rng: random.Random) -> str:
    name = _source(rng, "ReplicaManager", "GroupCoordinator", "LogCleaner", "Partition", "Controller")
    return f"[{name} id={rng.randint(1, 3)}] {text}"


def _erlang(level: str, text: str, service: str, rng: random.Random) -> str:
    return f"<0.{{big}}.0> {text}"


STORES: Mapping[str, tuple[Dress, str]] = {
    "postgres": (_postgres, "java"),
    "mysql": (_mysql, "java"),
    "redis": (_redis, "go"),
    "kafka": (_broker, "java"),
    "rabbit": (_erlang, "java"),
}

ACCESS: tuple[str, ...] = (
    '{ip} - - "{method} {route} HTTP/1.1" {status} {bytes} "-" "{agent}" {seconds}',
    '"{method} {route} HTTP/2" {status} - via_upstream {bytes} {bytes} {ms} "{rid}"',
    "{method} {route} {status} {bytes} - {ms} ms",
    "{ip}:{port} fe_main be_app/node{small} 0/0/1/{ms}/{ms} {status} {bytes} - - ---- {method} {route}",
    "access method={method} path={route} status={status} took_ms={ms} rid={rid}",
    '{"m":"{method}","p":"{route}","st":{status},"dur":{seconds},"ua":"{agent}"}',
    "<- {status} {route} [{method}] {ms}ms peer={ip}",
    "Completed {status} in {ms}ms for {method} {route} (request {rid})",
)
"""Access lines of edges."""
