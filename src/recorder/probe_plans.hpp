#pragma once
// Which kernel program serves which sensor, and at which hook it is attached.

namespace alibi::recorder {

struct Plan {
  const char* program;
  const char* sensor;
  const char* hook;
  const char* instead_of = nullptr;  ///< loaded only where this tracepoint is missing
  const char* part_of = nullptr;  ///< attached only where this program, which does it too, is not
};

/// In order of attaching. Several programs may make one sensor.
inline constexpr Plan kPlans[] = {
    {"al_fork", "fork", "tp_btf/sched_process_fork"},
    {"al_exec", "exec", "tp_btf/sched_process_exec"},
    {"al_exit", "exit", "tp_btf/sched_process_exit"},
    {"al_execve", "exec_fail", "tp/syscalls/sys_exit_execve"},
    {"al_execveat", "exec_fail", "tp/syscalls/sys_exit_execveat"},
    {"al_signal", "signal", "tp_btf/signal_generate"},
    {"al_module_load", "kernel_module", "tp_btf/module_load"},
    {"al_module_free", "kernel_module", "tp_btf/module_free"},
    {"al_mount", "mount", "tp/syscalls/sys_exit_mount"},
    {"al_unlink", "file_delete", "tp/syscalls/sys_exit_unlink"},
    {"al_unlinkat", "file_delete", "tp/syscalls/sys_exit_unlinkat"},
    {"al_rename", "file_delete", "tp/syscalls/sys_exit_rename"},
    {"al_renameat", "file_delete", "tp/syscalls/sys_exit_renameat"},
    {"al_renameat2", "file_delete", "tp/syscalls/sys_exit_renameat2"},
    {"al_tcp_state", "tcp", "tp_btf/inet_sock_set_state"},
    {"al_connect", "connect_fail", "tp/syscalls/sys_exit_connect"},
    {"al_send", "socket_use", "tp_btf/sock_send_length"},
    {"al_recv", "socket_use", "tp_btf/sock_recv_length"},
    {"al_rcv_space", "socket_use", "tp_btf/tcp_rcv_space_adjust"},
    {"al_dev_queue", "socket_use", "tp_btf/net_dev_queue", "sock_send_length"},
    {"al_create", "socket", "cgroup/sock_create"},
    {"al_socket", "packet_socket", "tp/syscalls/sys_exit_socket"},
    {"al_release", "udp", "cgroup/sock_release"},
    {"al_connect4", "udp", "cgroup/connect4"},
    {"al_connect6", "udp", "cgroup/connect6"},
    {"al_sendmsg4", "udp", "cgroup/sendmsg4"},
    {"al_sendmsg6", "udp", "cgroup/sendmsg6"},
    {"al_packet_out", "packet", "cgroup_skb/egress"},
    {"al_packet_in", "packet", "cgroup_skb/ingress"},
    {"al_egress", "udp", "cgroup_skb/egress", nullptr, "al_packet_out"},
    {"al_ingress", "udp", "cgroup_skb/ingress", nullptr, "al_packet_in"},
    {"al_it_task", "snapshot", "iter/task"},
    {"al_it_files", "snapshot", "iter/task_file"},
    {"al_it_sockets", "sweep", "iter/bpf_sk_storage_map"},
};

}  // namespace alibi::recorder
