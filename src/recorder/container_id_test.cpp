#include "recorder/container_id.hpp"

#include <gtest/gtest.h>

namespace alibi::recorder {
namespace {

const std::string kId = "4f1f0f2f8f3a4b5c6d7e8f90123456789abcdef0123456789abcdef012345678";
const std::string kInner = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999";

struct Case {
  std::string path;
  std::string runtime;  ///< "": no container
  std::string id;
};

TEST(ContainerId, KnowsTheRuntimes) {
  const Case cases[] = {
      {"/docker/" + kId, "docker", kId},
      {"/system.slice/docker-" + kId + ".scope", "docker", kId},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + kId + ".scope",
       "docker", kId},
      {"/docker/" + kId + "/system.slice/cron.service", "docker", kId},
      {"/docker/" + kId + "/docker/" + kInner, "docker", kInner},
      {"/machine.slice/libpod-" + kId + ".scope", "podman", kId},
      {"/machine.slice/libpod-" + kId + ".scope/container", "podman", kId},
      {"/libpod_parent/libpod-" + kId, "podman", kId},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId +
           ".scope/container",
       "podman", kId},
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" +
           kId + ".scope",
       "containerd", kId},
      {"/system.slice/containerd.service/kubepods-burstable-pod12.slice:cri-containerd:" + kId,
       "containerd", kId},
      {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/crio-" + kId +
           ".scope",
       "crio", kId},
      {"/kubepods/burstable/pod6a8b/" + kId, "kubernetes", kId},
      {"/kubepods/pod6a8b/" + kId + "/init", "kubernetes", kId},
      {"/system.slice/nerdctl-" + kId + ".scope", "containerd", kId},
      {"/default/" + kId, "unknown", kId},
      {"/ecs/0f1e2d3c/" + kId, "unknown", kId},
      {"/lxc/web1", "lxc", "web1"},
      {"/lxc/web1/system.slice", "lxc", "web1"},
      {"/lxc.payload.web1/init.scope", "lxc", "web1"},
      {"/lxc.payload/web1", "lxc", "web1"},
      {"/machine.slice/machine-build\\x2dbox.scope/payload", "machine", "build-box"},
      {"/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service", "machine",
       "web"},
      {"/machine.slice/machine-qemu\\x2d1\\x2ddebian.scope", "machine", "qemu-1-debian"},
  };
  for (const Case& c : cases) {
    const auto found = find_container(c.path);
    ASSERT_TRUE(found.has_value()) << c.path;
    EXPECT_EQ(found->runtime, c.runtime) << c.path;
    EXPECT_EQ(found->id, c.id) << c.path;
  }
}

TEST(ContainerId, HostGroupsAndMonitorsAreNone) {
  const std::string paths[] = {
      "",
      "/",
      "/init.scope",
      "/system.slice/docker.service",
      "/system.slice/docker-compose.service",
      "/user.slice/user-1000.slice/session-4.scope",
      "/machine.slice/libpod-conmon-" + kId + ".scope",
      "/system.slice/crio-conmon-" + kId + ".scope",
      "/lxc.monitor.web1",
      "/lxc.monitor/web1",
      "/lxc",
      "/machine.slice",
      "/machine.slice/machine-.scope",
      "/system.slice/" + kId.substr(1),
      "/kubepods/burstable/pod6a8b",
      "/system.slice/build\\x2",
      "//",
  };
  for (const std::string& path : paths) {
    const auto found = find_container(path);
    EXPECT_FALSE(found.has_value()) << path << " -> " << (found ? found->id : "");
  }
}

}  // namespace
}  // namespace alibi::recorder
