"""unshare: a process enters new namespaces and mounts something in them."""

import harness
from harness import Recorder, act, check, equal, inode_of_namespace, mount, own_mounts, that, unshare_net


def leave(channel, target):
    own_mounts()
    unshare_net()
    mount("none", target, "tmpfs", 0, "size=64k")
    channel.tell({kind: inode_of_namespace(kind) for kind in ("mnt", "net")})
    channel.hear()


def test(directory):
    target = directory.path / "mounted"
    target.mkdir()
    recorder = Recorder(directory)
    with recorder:
        actor = act(leave, str(target))
        inodes = actor.hear()
        actor.tell()
        actor.finish()
    log = recorder.log()
    entered = [r for r in log.of(actor) if r.kind == "namespace"]
    that(entered, f"no namespace record: {[str(r) for r in log.of(actor)]}")
    last = entered[-1]
    check(last, **log.by(actor), kind="namespace", result=harness.ANY, extra=inodes)
    mounts = [r for r in log.of(actor) if r.kind == "mount" and r.name == str(target)]
    equal(len(mounts), 1, "mount records of the target")
    check(mounts[0], **log.by(actor), kind="mount", name=str(target), result="ok",
          extra={"source": "none", "type": "tmpfs"})


harness.main(test)
