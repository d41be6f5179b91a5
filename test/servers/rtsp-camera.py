"""A real RTSP camera: GStreamer's server, with a picture that says when it was made.

Told by one argument of JSON: width, height, fps, gop (frames), codec (h264 or h265), audio, bFrames, snow, auth (none, basic or
digest), user, password. Listens on a free port of loopback, prints it as one line, and ends when its standard input does.

The upper half of the picture is a grid of 16 x 4 squares, white for 1 and black for 0, read in rows: 48 bits are the milliseconds since
1970 at which the picture was made, 16 are its number since the camera began. They survive being made smaller. With `snow` its last rows are
noise, which no encoder makes small: the film then has the bitrate it is allowed.
"""
import json
import math
import os
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
told = json.loads(sys.argv[1])
width, height, fps = told["width"], told["height"], told["fps"]
COLUMNS, ROWS = 16, 4
SNOW = height // 16 if told["snow"] else 0


def picture(number):
    """Planes Y, U and V: the grid above, below it a bar that moves once over the picture in four seconds."""
    bits = ((int(time.time() * 1000) & ((1 << 48) - 1)) << 16) | (number & 0xFFFF)
    across = [column * width // COLUMNS for column in range(COLUMNS + 1)]
    down = [row * (height // 2) // ROWS for row in range(ROWS + 1)]
    luma = []
    for row in range(ROWS):
        line = b"".join(
            (b"\xeb" if bits >> (63 - row * COLUMNS - column) & 1 else b"\x10") * (across[column + 1] - across[column])
            for column in range(COLUMNS)
        )
        luma.append(line * (down[row + 1] - down[row]))
    bar = number % (fps * 4) * (width - 8) // (fps * 4)
    still = height - height // 2 - SNOW
    luma.append((b"\x60" * bar + b"\xd0" * 8 + b"\x60" * (width - bar - 8)) * still + os.urandom(width * SNOW))
    return b"".join(luma) + b"\x80" * (2 * ((width + 1) // 2) * ((height + 1) // 2))


SOUNDS = 20
TONE = b"".join(round(8000 * math.sin(2 * math.pi * 440 * at / 16000)).to_bytes(2, "little", signed=True) for at in range(16000 // SOUNDS))


def sound(_number):
    """A part of a tone. Not GStreamer's own: that can be wound, and a second viewer's PLAY would wind it for all."""
    return TONE


def feed(source, make, rate, number=0):
    """One picture or sound after the other, each when it is due, until nobody takes them any more."""
    begin = time.monotonic()
    while True:
        buffer = Gst.Buffer.new_wrapped(make(number))
        buffer.pts = number * Gst.SECOND // rate
        buffer.duration = Gst.SECOND // rate
        if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return
        number += 1
        time.sleep(max(0, begin + number / rate - time.monotonic()))


ENCODERS = {
    "h264": f"x264enc speed-preset=ultrafast bitrate=1000 threads=1 key-int-max={told['gop']} bframes={told['bFrames']} "
    + ("" if told["bFrames"] else "tune=zerolatency ")
    + "! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": f"x265enc speed-preset=ultrafast tune=zerolatency key-int-max={told['gop']} ! rtph265pay name=pay0 pt=96 config-interval=-1",
}
LAUNCH = (
    f"( appsrc name=pictures is-live=true format=time caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 ! queue "
    f"! {ENCODERS[told['codec']]} "
    + ("appsrc name=sounds is-live=true format=time caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! queue ! voaacenc bitrate=64000 ! rtpmp4gpay name=pay1 pt=97 " if told["audio"] else "")
    + ")"
)


class Factory(GstRtspServer.RTSPMediaFactory):
    def do_create_element(self, _url):
        return Gst.parse_launch(LAUNCH)


def configure(_factory, media):
    for name, make, rate in (("pictures", picture, fps), ("sounds", sound, SOUNDS)):
        source = media.get_element().get_by_name_recurse_up(name)
        if source is not None:
            threading.Thread(target=feed, args=(source, make, rate), daemon=True).start()


server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = Factory()
factory.set_shared(True)
factory.connect("media-configure", configure)

if told["auth"] != "none":
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if told["auth"] == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(told["user"], told["password"]), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(told["user"], told["password"], token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)

server.get_mount_points().add_factory("/stream", factory)
if server.attach(None) == 0:
    sys.exit("no port to listen on")
print(server.get_bound_port(), flush=True)

loop = GLib.MainLoop()


def ended():
    sys.stdin.buffer.read()
    loop.quit()


threading.Thread(target=ended, daemon=True).start()
loop.run()
