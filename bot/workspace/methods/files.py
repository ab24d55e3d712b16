"""files.*: the two-step upload, kept in memory."""

from __future__ import annotations

from pydantic import Field

from bot.workspace import posting
from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, Objects
from bot.workspace.model import Json

FILE_BYTES = 20_000_000


class GetUrl(Args):
    filename: str
    length: int
    alt_txt: str = ""


def get_url(call: Call, args: GetUrl) -> Json:
    if args.length <= 0:
        raise SlackError("invalid_arguments", messages=("must be more than 0 [json-pointer:/length]",))
    if args.length > FILE_BYTES:
        raise SlackError("file_upload_size_restricted")
    file_id = call.state.mint_id("F0")
    call.state.files[file_id] = {
        "id": file_id,
        "name": args.filename,
        "title": args.filename,
        "size": args.length,
        "created": int(call.state.now()),
        "user": call.app.bot_user,
        "mimetype": "application/octet-stream",
        "url_private": f"{call.base_url}/files/{file_id}",
        "url_private_download": f"{call.base_url}/files/{file_id}",
    }
    return {"upload_url": f"{call.base_url}/upload/{file_id}", "file_id": file_id}


class Complete(Args):
    files: Objects = Field()
    channel_id: str = ""
    initial_comment: str = ""
    thread_ts: str = ""


def complete(call: Call, args: Complete) -> Json:
    wanted = args.files or []
    found = []
    for each in wanted:
        known = call.state.files.get(str(each.get("id")))
        if known is None or "content" not in known:
            raise SlackError("file_not_found")
        known["title"] = str(each.get("title") or known["title"])
        found.append({key: value for key, value in known.items() if key != "content"})
    if not found:
        raise SlackError(
            "invalid_arguments", messages=("no less than 1 items allowed [json-pointer:/files]",)
        )
    if args.channel_id:
        channel = call.channel(args.channel_id, live=True, member=True)
        posting.post(
            call.state,
            channel,
            user=call.app.bot_user,
            text=args.initial_comment,
            app=call.app,
            thread_ts=args.thread_ts,
            extra={"files": found},
        )
    return {"files": found}


class OneFile(Args):
    file: str


def info(call: Call, args: OneFile) -> Json:
    if (known := call.state.files.get(args.file)) is None:
        raise SlackError("file_not_found")
    return {"file": {key: value for key, value in known.items() if key != "content"}}


def delete(call: Call, args: OneFile) -> Json:
    if call.state.files.pop(args.file, None) is None:
        raise SlackError("file_not_found")
    return {}


METHODS: tuple[AnyMethod, ...] = (
    Method("files.getUploadURLExternal", GetUrl, get_url, ("files:write",), tier=4),
    Method("files.completeUploadExternal", Complete, complete, ("files:write",), tier=4),
    Method("files.info", OneFile, info, ("files:read",), tier=4),
    Method("files.delete", OneFile, delete, ("files:write",)),
)
