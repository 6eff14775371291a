"""The network of the experiment: hosts behind routers behind one core, each a network
namespace. Names begin with `alx`; who makes one says how long they live (enclosure.py)."""

import subprocess

PREFIX = "alx"


class Network:
    """`routers` groups of `size` hosts. Hosts are numbered from 1, group by group."""

    def __init__(self, routers, size):
        self.routers = routers
        self.size = size

    @property
    def hosts(self):
        return range(1, self.routers * self.size + 1)

    def group(self, host):
        return (host - 1) // self.size + 1

    def host_space(self, host):
        return f"{PREFIX}h{host}"

    def router_space(self, group):
        return f"{PREFIX}r{group}"

    core_space = f"{PREFIX}core"
    core_address = "10.200.0.254"

    def address(self, host):
        return f"10.{self.group(host)}.0.{(host - 1) % self.size + 1}"

    def host_of(self, address):
        """None: no host's address."""
        for host in self.hosts:
            if self.address(host) == address:
                return host
        return None

    def router_address(self, group):
        return f"10.{group}.0.254"

    def spaces(self):
        return ([self.core_space] + [self.router_space(g) for g in range(1, self.routers + 1)]
                + [self.host_space(h) for h in self.hosts])

    def make(self):
        """Two batches of ip(8): a process for each command would take minutes."""
        first = [f"netns add {space}" for space in self.spaces()]
        second = {space: ["link set lo up"] for space in self.spaces()}
        second[self.core_space] += ["link add br0 type bridge", "link set br0 up",
                                    f"addr add {self.core_address}/24 dev br0"]
        for g in range(1, self.routers + 1):
            router = self.router_space(g)
            first.append(f"link add up0 netns {router} type veth peer name r{g} netns {self.core_space}")
            second[self.core_space] += [f"link set r{g} master br0 up",
                                        f"route add 10.{g}.0.0/24 via 10.200.0.{g}"]
            second[router] += ["link set up0 up", f"addr add 10.200.0.{g}/24 dev up0",
                               "link add br0 type bridge", "link set br0 up",
                               f"addr add {self.router_address(g)}/24 dev br0"]
            second[router] += [f"route add 10.{o}.0.0/24 via 10.200.0.{o}" for o in range(1, self.routers + 1) if o != g]
        for h in self.hosts:
            router, space = self.router_space(self.group(h)), self.host_space(h)
            first.append(f"link add eth0 netns {space} type veth peer name h{h} netns {router}")
            second[router].append(f"link set h{h} master br0 up")
            second[space] += ["link set eth0 up", f"addr add {self.address(h)}/24 dev eth0",
                              f"route add default via {self.router_address(self.group(h))}"]
        self.batch([], first)
        for space, lines in second.items():
            self.batch(["-n", space], lines)
        for g in range(1, self.routers + 1):
            subprocess.run(["ip", "netns", "exec", self.router_space(g), "sysctl", "-qw", "net.ipv4.ip_forward=1"],
                           check=True)

    @staticmethod
    def batch(options, lines):
        subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True,
                       capture_output=True)
