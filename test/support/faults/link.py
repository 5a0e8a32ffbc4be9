"""
Two network namespaces, one for a client and one for a server, and the only cable between them, which passes through this program.
It cuts, loses, delays, repeats and forges packets as it is told: one JSON object for each line of standard input replaces the faults.
Prints a line of JSON with the processes that hold the namespaces once they are there, and one for each command.
Run as (pretended) root in a network namespace of its own: unshare --user --map-root-user --net --mount python3 link.py
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

ETH_P_ALL, PACKET_OUTGOING, TCP = 3, 4, 6
SYN, RST, ACK = 2, 4, 16
SIOCETHTOOL = 0x8946
# ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO: real packets with real checksums.
OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)


def call(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def switch_off(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for command in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", name.encode(), ctypes.addressof(value)).ljust(40, b"\0")
            fcntl.ioctl(handle, SIOCETHTOOL, request)


def hold():
    """A process with namespaces of its own, which ends with this one."""
    libc = ctypes.CDLL(None)
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "sleep", "infinity"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: libc.prctl(1, signal.SIGKILL),
    )
    here = os.readlink("/proc/self/ns/mnt")
    while os.readlink(f"/proc/{holder.pid}/ns/mnt") == here:
        time.sleep(0.01)
    return holder


def wire(name, number, holder):
    """A cable from here into the namespace of a process, with a socket on this end of it."""
    call("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}0")
    for end in (name, f"{name}0"):
        switch_off(end)
    inside = ("nsenter", f"--target={holder.pid}", "--net", "ip")
    call("ip", "link", "set", f"{name}0", "netns", str(holder.pid))
    call(*inside, "link", "set", "lo", "up")
    call(*inside, "link", "set", f"{name}0", "up")
    call(*inside, "addr", "add", f"10.77.0.{number}/24", "dev", f"{name}0")
    call(*inside, "addr", "add", f"fd77::{number}/64", "dev", f"{name}0", "nodad")
    call("ip", "link", "set", name, "up", "promisc", "on")
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    end.bind((name, 0))
    end.setblocking(False)
    return end


class Segment:
    """The TCP segment of a frame."""

    def __init__(self, frame):
        self.frame = frame
        if frame[12:14] == b"\x08\x00":
            self.at = 14 + (frame[14] & 15) * 4
            self.end = 14 + struct.unpack("!H", frame[16:18])[0]
            addresses = (frame[26:30], frame[30:34])
        else:
            self.at = 54
            self.end = 54 + struct.unpack("!H", frame[18:20])[0]
            addresses = (frame[22:38], frame[38:54])
        self.ports = struct.unpack("!HH", frame[self.at : self.at + 4])
        self.seq, self.ack = struct.unpack("!II", frame[self.at + 4 : self.at + 12])
        self.flags = frame[self.at + 13]
        self.length = self.end - self.at - (frame[self.at + 12] >> 4) * 4
        self.flow = frozenset(zip(addresses, self.ports))

    @staticmethod
    def of(frame):
        four = frame[12:14] == b"\x08\x00" and frame[23] == TCP
        six = frame[12:14] == b"\x86\xdd" and frame[20] == TCP
        return Segment(frame) if four or six else None

    def reset(self, back):
        """A frame that resets the connection (IPv4): to whoever sent this one, or to whoever it is for."""
        frame, addresses = self.frame, self.frame[26:34]
        seq, ack, ports, ethernet = self.seq, self.ack, self.ports, frame[:14]
        if back:
            seq, ack = self.ack, (self.seq + self.length) & 0xFFFFFFFF
            ports, addresses = ports[::-1], addresses[4:] + addresses[:4]
            ethernet = frame[6:12] + frame[:6] + frame[12:14]
        tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 5 << 4, RST | ACK, 0, 0, 0)
        tcp = tcp[:16] + checksum(addresses + struct.pack("!HH", TCP, len(tcp)) + tcp) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, TCP, 0) + addresses
        return ethernet + ip[:10] + checksum(ip) + ip[12:] + tcp


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


class Link:
    def __init__(self, ends):
        self.ends = ends
        self.faults = {}
        self.random = random.Random(1)
        self.queue = []
        self.count = 0
        self.free_at = {end: 0.0 for end in ends}
        self.last = {end: 0.0 for end in ends}
        # When a connection was last heard of, and those of which nothing is let through any more.
        self.seen, self.forgotten, self.resetting = {}, set(), set()

    def command(self, faults):
        self.faults = faults
        if "seed" in faults:
            self.random = random.Random(faults["seed"])
        if faults.get("forget"):
            self.forgotten |= set(self.seen)
        if faults.get("reset"):
            self.resetting |= set(self.seen)

    def lets_through(self, segment, end, now):
        """What becomes of a connection here, as in a firewall."""
        if segment is None:
            return True
        before, idle = self.seen.get(segment.flow), self.faults.get("idleSeconds")
        if idle is not None and before is not None and now - before > idle:
            self.forgotten.add(segment.flow)
        if segment.flags & SYN and not segment.flags & ACK:
            self.forgotten.discard(segment.flow)
            self.resetting.discard(segment.flow)
        self.seen[segment.flow] = now
        if segment.flow in self.resetting and not segment.flags & RST:
            self.send(end, segment.reset(back=True))
            self.send(self.other(end), segment.reset(back=False))
            return False
        return segment.flow not in self.forgotten

    def other(self, end):
        return self.ends[1] if end is self.ends[0] else self.ends[0]

    def take(self, end, frame, now):
        faults = self.faults
        direction = "up" if end is self.ends[0] else "down"
        if faults.get("cut") in (direction, "both"):
            return
        if not self.lets_through(Segment.of(frame), end, now):
            return
        if len(frame) - 14 > faults.get("largest", 1 << 16):
            return
        if self.random.random() < faults.get("loss", 0):
            return
        for _ in range(2 if self.random.random() < faults.get("duplicate", 0) else 1):
            self.put(self.other(end), frame, now)

    def put(self, end, frame, now):
        """In the order of arrival, unless it is to be overtaken by later ones."""
        faults = self.faults
        at = now + (faults.get("delayMs", 0) + self.random.random() * faults.get("jitterMs", 0)) / 1000
        rate = faults.get("bitsPerSecond")
        if rate is not None:
            at = self.free_at[end] = max(at, self.free_at[end]) + len(frame) * 8 / rate
        if self.random.random() < faults.get("reorder", 0):
            at += 0.02
        else:
            at = self.last[end] = max(at, self.last[end])
        self.count += 1
        heapq.heappush(self.queue, (at, self.count, end, frame))

    def send(self, end, frame):
        try:
            end.send(frame)
        except BlockingIOError:
            pass  # As in any queue that is full.

    def flush(self, now):
        while self.queue and self.queue[0][0] <= now:
            _, _, end, frame = heapq.heappop(self.queue)
            self.send(end, frame)
        return max(0.0, self.queue[0][0] - now) if self.queue else None

    def receive(self, end):
        for _ in range(64):
            try:
                frame, address = end.recvfrom(1 << 16)
            except BlockingIOError:
                return
            if address[2] != PACKET_OUTGOING:
                self.take(end, frame, time.monotonic())


def main():
    holders = [hold(), hold()]
    link = Link([wire("c", 1, holders[0]), wire("s", 2, holders[1])])
    print(json.dumps({"client": holders[0].pid, "server": holders[1].pid}), flush=True)
    commands = sys.stdin.buffer.raw
    text = b""
    while True:
        ready, _, _ = select.select([commands, *link.ends], [], [], link.flush(time.monotonic()))
        for end in link.ends:
            if end in ready:
                link.receive(end)
        if commands in ready:
            more = commands.read(1 << 16)
            if not more:
                return
            *lines, text = (text + more).split(b"\n")
            for line in lines:
                link.command(json.loads(line))
                print(json.dumps({"done": True}), flush=True)


main()
