"""The core's words about broken captures, in Chinese.

The core says what is wrong in an English sentence, which is the key here, as msgids are in gettext: `{}`
stands for what differs from one capture to another. A test finds every such sentence of the core here.
"""

import re
from functools import cache
from typing import Final

from finwait.errors import system_in_chinese

SENTENCES: Final = {
    "there is nothing in it; a capture starts with a file header": "文件是空的；抓包文件以文件头开始",
    "there is no capture in this directory": "这个目录里没有抓包文件",
    "is a directory, not a capture": "这是一个目录，不是抓包文件",
    "its name is not UTF-8; rename it, or give it on standard input": (
        "文件名不是 UTF-8；请重命名，或从标准输入给出"
    ),
    "the file shrank from {} to {} bytes while it was read; copy it and read the copy": (
        "读取期间文件从 {} 字节缩短到 {} 字节；请复制后读取副本"
    ),
    "some of the file could not be read: it shrank for a while, or the disk failed": (
        "文件有一部分无法读取：它曾一度缩短，或磁盘出错"
    ),
    "the file ends inside the file header, after {} bytes": "文件头只有 {} 字节，文件就结束了",
    "the file ends inside a record header, after {} of {} bytes": (
        "文件在一个记录头中间结束：只有前 {} 字节，共需 {} 字节"
    ),
    "the file ends inside a frame, after {} of {} bytes": (
        "文件在一帧中间结束：只有前 {} 字节，共需 {} 字节"
    ),
    "the file ends inside a block of {} bytes, {} bytes early": (
        "文件在一个 {} 字节的块中间结束，缺少 {} 字节"
    ),
    "the file ends inside a block header, after {} of 8 bytes": (
        "文件在一个块头中间结束：只有前 {} 字节，共需 8 字节"
    ),
    "the file ends inside a block, after {} of {} bytes": (
        "文件在一个块中间结束：只有前 {} 字节，共需 {} 字节"
    ),
    "the file ends inside its {} data: it was cut off or is not complete yet": (
        "文件在 {} 数据中间结束：被截断，或尚未写完"
    ),
    "the {} data cannot be uncompressed from here on; `{} -t` may say why": (
        "从这里起 {} 数据无法解压；`{} -t` 也许能说明原因"
    ),
    "pcap version {}.{} is not known; 2.4 is what is written today": (
        "未知的 pcap 版本 {}.{}；如今写出的都是 2.4"
    ),
    "pcapng version {}.{} is not known; 1.0 is what is written today": (
        "未知的 pcapng 版本 {}.{}；如今写出的都是 1.0"
    ),
    "a record header says {} captured bytes, but no capture holds more than {} a frame, so the file"
    " is damaged here and what follows cannot be found": (
        "一个记录头声称捕获了 {} 字节，但抓包的每帧不会超过 {} 字节；文件在此处损坏，其后的内容无法定位"
    ),
    "this is {}; uncompress it first: `{}`": "这是{}；请先解压：`{}`",
    "this is {}; turn it into pcapng first: `{}`": "这是{}；请先转换为 pcapng：`{}`",
    "the first bytes are {}, but pcap and pcapng captures start otherwise; `capinfos FILE` may know"
    " what it is": "文件以 {} 开头，而 pcap 和 pcapng 抓包不是这样开头的；`capinfos FILE` 也许知道它是什么",
    "a section header has the byte-order magic {}, not 0x1a2b3c4d": (
        "一个节头的字节序标记是 {}，而不是 0x1a2b3c4d"
    ),
    "a block says it is {} bytes long, but none is shorter than {}": (
        "一个块声称长 {} 字节，但块不会短于 {} 字节"
    ),
    "a block of type {} says it is {} bytes long, more than the {} that any capture needs, so the"
    " file is damaged here": (
        "一个类型为 {} 的块声称长 {} 字节，超过任何抓包所需的 {} 字节；文件在此处损坏"
    ),
    "more than {} interfaces in a section": "一个节中的接口多于 {} 个",
    "option {} of an interface has an impossible length of {} bytes": (
        "一个接口的选项 {} 长度不可能为 {} 字节"
    ),
    "a packet says {} bytes were captured, but its block has room for {}": (
        "一个报文声称捕获了 {} 字节，但它的块只容得下 {} 字节"
    ),
    "a simple packet is {} bytes long, but its block has room for {}": (
        "一个简单报文长 {} 字节，但它的块只容得下 {} 字节"
    ),
    "a packet is of interface {}, but its section has described {}": (
        "一个报文属于接口 {}，但它的节只描述了 {} 个接口"
    ),
    "a {} block is {} bytes long, but needs at least {}": "一个{}块长 {} 字节，但至少需要 {} 字节",
    "a block starts by saying it is {} bytes long and ends by saying {}, so the file is damaged here"
    " and what follows cannot be found": (
        "一个块在开头声称长 {} 字节，在结尾却声称 {} 字节；文件在此处损坏，其后的内容无法定位"
    ),
}
THINGS: Final = {
    "zstd inside a compressed file": "压缩文件里的 zstd 数据",
    "gzip inside a compressed file": "压缩文件里的 gzip 数据",
    "lz4 inside a compressed file": "压缩文件里的 lz4 数据",
    "xz-compressed": "用 xz 压缩的文件",
    "bzip2-compressed": "用 bzip2 压缩的文件",
    "a zip archive": " zip 归档",
    "a 7z archive": " 7z 归档",
    "a Solaris snoop capture": " Solaris snoop 抓包",
    "a Microsoft NetMon 2 capture": " Microsoft NetMon 2 抓包",
    "a Microsoft NetMon 1 capture": " Microsoft NetMon 1 抓包",
    "an AIX iptrace capture": " AIX iptrace 抓包",
    "a NetXRay capture": " NetXRay 抓包",
    "a DOS Sniffer capture": " DOS Sniffer 抓包",
    "a Viavi Observer capture": " Viavi Observer 抓包",
    "section header": "节头",
    "interface description": "接口描述",
    "packet": "报文",
    "simple packet": "简单报文",
}
"""What stands for `{}` where it is not a number or a command."""
_SYSTEM: Final = re.compile(r"(.*) \(os error (\d+)\)")
"""How Rust writes what the system says."""


def in_english(message: str) -> str:
    """Say a sentence of the core without Rust's number of an error."""
    return _SYSTEM.sub(r"\1", message)


def in_chinese(message: str) -> str | None:
    """Say a sentence of the core in Chinese; None if it is not known."""
    if system := _SYSTEM.fullmatch(message):
        return system_in_chinese(int(system[2]))
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(message):
            return chinese.format(*(THINGS.get(thing, thing) for thing in found.groups()))
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile("(.+)".join(map(re.escape, english.split("{}")))), chinese)
        for english, chinese in SENTENCES.items()
    ]
