/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records that the BPF programs (bpf/) send to the recorder (src/recorder/).
 *
 * Integers are in host byte order; addresses and payloads are bytes in network
 * order. All times are CLOCK_BOOTTIME nanoseconds. Zero means "not known"
 * unless a field says otherwise. Readers skip unknown kinds by size.
 */
#ifndef ALIBI_EVENT_H
#define ALIBI_EVENT_H

#include "wire/alibi_wire.h"

enum alibi_limits {
  ALIBI_WIRE_VERSION = 2, /* changed with any layout; a recorder refuses pinned maps of another one */
  ALIBI_COMM_BYTES = 16,
  ALIBI_ARGS_BYTES_MAX = 32768,
  ALIBI_PATH_BYTES_MAX = 4096,
  ALIBI_FAILED_PATH_BYTES_MAX = 256,
  ALIBI_DELETED_PATH_BYTES_MAX = 256,
  ALIBI_USERS_MAX = 4,
  ALIBI_HOLDERS_MAX = 8,
  ALIBI_DNS_SHORT_BYTES_MAX = 512,
  ALIBI_DNS_BYTES_MAX = 1472,
  ALIBI_DEVICE_BYTES = 16,          /* IFNAMSIZ */
  ALIBI_HEAD_BYTES_MAX = 16384,     /* of each direction of a connection, looked at for requests */
  ALIBI_CPUS_MAX = 512,
};

enum alibi_ring {
  ALIBI_RING_PROCESS = 0,
  ALIBI_RING_NETWORK = 1,
  ALIBI_RING_PACKET = 2,
  ALIBI_RINGS = 3,
};

enum alibi_record_kind {
  ALIBI_RECORD_NONE = 0,
  ALIBI_RECORD_FORK = 1,
  ALIBI_RECORD_EXEC = 2,
  ALIBI_RECORD_EXEC_FAIL = 3,
  ALIBI_RECORD_EXIT = 4,
  ALIBI_RECORD_SIGNAL = 5,
  ALIBI_RECORD_KERNEL_MODULE = 6,
  ALIBI_RECORD_MOUNT = 7,
  ALIBI_RECORD_TASK = 8,
  ALIBI_RECORD_FLOW = 9,
  ALIBI_RECORD_SOCKET = 10,
  ALIBI_RECORD_SOCKET_USE = 11,
  ALIBI_RECORD_SOCKET_END = 12,
  ALIBI_RECORD_HOLDER = 13,
  ALIBI_RECORD_CONNECT_FAIL = 14,
  ALIBI_RECORD_DNS = 15,
  ALIBI_RECORD_PACKET = 16,
  ALIBI_RECORD_FILE_DELETE = 17,
  ALIBI_RECORD_KINDS = 18,
};

/* Identity of a process: never a bare pid. */
struct alibi_process_key {
  __u64 start_boot_ns; /* task_struct.group_leader.start_boottime (Linux 5.5) */
  __u32 tgid;          /* in the initial pid namespace; 0: nobody known */
  __u32 uid;           /* real uid, initial user namespace; no part of the identity */
};
ALIBI_WIRE_TYPE(struct alibi_process_key, 16);

struct alibi_header {
  __u64 seq; /* per CPU and ring, counts attempts to emit: a hole is a loss */
  __u64 boot_ns;
  struct alibi_process_key process;
  __u32 size; /* bytes of the whole record */
  __u16 kind; /* enum alibi_record_kind */
  __u16 cpu;
};
ALIBI_WIRE_TYPE(struct alibi_header, 40);

/* Per CPU. What could not be emitted is counted here and nowhere else. */
struct alibi_counters {
  __u64 attempts[ALIBI_RINGS]; /* the next seq of each ring */
  __u64 lost[ALIBI_RINGS][ALIBI_RECORD_KINDS];
  __u64 conversations_refused; /* packets of UDP/ICMP/raw conversations that did not fit the table */
  __u64 states_refused;        /* sockets for which no state could be allocated */
};
ALIBI_WIRE_TYPE(struct alibi_counters, 24 + 3 * 18 * 8 + 16);

/* Written by the recorder, read by the programs. */
struct alibi_config {
  __u64 wake_bytes;     /* wake the reader when this much is unread */
  __u64 open_after_ns;  /* announce flows that live longer than this */
  __u64 update_after_ns;
  __u64 valid_from_ns;  /* recorder's own mark: earlier records are a predecessor's to tell */
  __u32 recorder_tgid;  /* signals to this process are recorded */
  __u32 wire_version;
  __u32 packet_payload_bytes; /* of each packet, for the packet log; request heads come besides */
  __u32 packet_ring_bytes;    /* above three quarters of it only packets that matter most are sent */
};
ALIBI_WIRE_TYPE(struct alibi_config, 48);

/* ---------------------------------------------------------------- processes */

struct alibi_fork { /* header.process is the child */
  struct alibi_header header;
  struct alibi_process_key parent;
  __u64 cgroup_id;
  __u8 comm[ALIBI_COMM_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_fork, 80);

enum alibi_exec_flags {
  ALIBI_EXEC_DELETED = 1,       /* the image had no name in its directory any more */
  ALIBI_EXEC_ARGS_CUT = 2,      /* more than ALIBI_ARGS_BYTES_MAX, see args_total_bytes */
  ALIBI_EXEC_PATH_CUT = 4,
  ALIBI_EXEC_CHROOT = 8,        /* the root directory is not the root of its mount */
  ALIBI_EXEC_SCRIPT = 16,       /* filename is a script, exe its interpreter */
  ALIBI_EXEC_ARGS_UNREAD = 32,  /* the argument pages could not be read */
  ALIBI_EXEC_SETUID = 64,       /* set-user-ID or set-group-ID took effect */
  ALIBI_EXEC_MEMFD = 128,       /* the image lives in anonymous memory (tmpfs, no link) */
};

/* Image and surroundings of a process. Followed by a tail: args, exe, cwd,
 * filename, of the lengths given, in this order. args: NUL-terminated strings.
 * exe and cwd: path components, leaf first, each NUL-terminated. filename: as
 * given to execve, NUL-terminated. */
struct alibi_exec {
  struct alibi_header header;
  struct alibi_process_key parent;
  __u64 cgroup_id;    /* cgroup2; 1 is the root */
  __u64 cgroup_v1_id; /* memory hierarchy, where one is mounted */
  __u64 inode;
  __u64 file_bytes;
  __u64 mtime_ns; /* wall clock, as the file system has it */
  __u64 ctime_ns;
  __u64 capabilities; /* effective set */
  __u32 gid;
  __u32 euid;
  __u32 egid;
  __u32 auid; /* 0xffffffff: never logged in */
  __u32 session;
  __u32 mount_ns;
  __u32 pid_ns;
  __u32 net_ns;
  __u32 user_ns;
  __u32 cgroup_ns;
  __u32 pid_in_ns; /* pid in the innermost pid namespace */
  __u32 device;    /* kernel dev_t: major << 20 | minor */
  __u32 mode;
  __u32 links;
  __u32 file_uid;
  __u32 fs_magic;
  __u32 flags; /* enum alibi_exec_flags */
  __u32 args_total_bytes;
  __u32 args_bytes;
  __u32 exe_bytes;
  __u32 cwd_bytes;
  __u32 filename_bytes;
  __u8 comm[ALIBI_COMM_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_exec, 40 + 16 + 56 + 22 * 4 + 16);

struct alibi_exec_fail { /* followed by nothing; texts are NUL-terminated */
  struct alibi_header header;
  __s32 error; /* errno, positive */
  __u32 reserved_0;
  __u8 filename[ALIBI_FAILED_PATH_BYTES_MAX];
};
ALIBI_WIRE_TYPE(struct alibi_exec_fail, 48 + 256);

struct alibi_exit { /* header.process ended with its last thread */
  struct alibi_header header;
  struct alibi_process_key parent;
  __u64 cpu_ns; /* all threads that ended, and this one */
  __u64 max_rss_pages;
  __u64 read_bytes; /* rchar: read(2) and the like */
  __u64 written_bytes;
  __u32 exit_code; /* as wait(2) encodes it */
  __u32 reserved_0;
  __u8 comm[ALIBI_COMM_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_exit, 40 + 16 + 32 + 8 + 16);

struct alibi_signal { /* header.process sent it; target is the recorder */
  struct alibi_header header;
  __s32 signal;
  __s32 code; /* si_code; 0x80: from the kernel */
  __u8 comm[ALIBI_COMM_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_signal, 64);

struct alibi_kernel_module {
  struct alibi_header header;
  __u32 is_load; /* 1 loaded, 0 removed */
  __u32 reserved_0;
  __u8 name[56];
};
ALIBI_WIRE_TYPE(struct alibi_kernel_module, 104);

struct alibi_mount {
  struct alibi_header header;
  __s32 error; /* errno, positive; 0 mounted */
  __u32 mount_ns;
  __u64 flags;
  __u8 source[128];
  __u8 target[256];
  __u8 type[32];
};
ALIBI_WIRE_TYPE(struct alibi_mount, 56 + 416);

/* A file with the name of an executable that ran was unlinked or renamed. */
struct alibi_file_delete {
  struct alibi_header header;
  __s32 directory; /* descriptor that `path` starts from, unless absolute; AT_FDCWD: working directory */
  __u32 is_rename; /* 0: unlinked, `to` is empty */
  __u8 path[ALIBI_DELETED_PATH_BYTES_MAX]; /* as given, NUL-terminated */
  __u8 to[ALIBI_DELETED_PATH_BYTES_MAX];
};
ALIBI_WIRE_TYPE(struct alibi_file_delete, 48 + 2 * 256);

/* A process that ran already (bpf iterator): header.process is it. */
struct alibi_task {
  struct alibi_header header;
  struct alibi_process_key parent;
  __u64 cgroup_id;
  __u64 cgroup_v1_id;
  __u64 inode;
  __u64 file_bytes;
  __u64 mtime_ns;
  __u64 ctime_ns;
  __u32 device;
  __u32 net_ns;
  __u32 mount_ns;
  __u32 pid_ns;
  __u32 is_kernel_thread;
  __u32 reserved_0;
  __u8 comm[ALIBI_COMM_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_task, 40 + 16 + 48 + 24 + 16);

/* ------------------------------------------------------------------ sockets */

enum alibi_socket_how {
  ALIBI_HOW_NONE = 0,
  ALIBI_HOW_CREATED = 1,  /* socket(2) */
  ALIBI_HOW_CONNECTED = 2,/* connect(2), in its own context */
  ALIBI_HOW_LISTENED = 3, /* listen(2), in its own context */
  ALIBI_HOW_SENT = 4,     /* sent, in its own context */
  ALIBI_HOW_RECEIVED = 5, /* received, in its own context */
  ALIBI_HOW_HELD = 6,     /* had a descriptor when descriptor tables were walked */
};

enum alibi_socket_role {
  ALIBI_ROLE_UNKNOWN = 0,
  ALIBI_ROLE_CLIENT = 1,
  ALIBI_ROLE_SERVER = 2, /* accepted */
  ALIBI_ROLE_LISTENER = 3,
};

enum alibi_flow_moment {
  ALIBI_FLOW_OPEN = 1,
  ALIBI_FLOW_UPDATE = 2,
  ALIBI_FLOW_CLOSE = 3,
  ALIBI_FLOW_LISTEN = 4,
  ALIBI_FLOW_LISTEN_END = 5,
};

enum alibi_flow_flags {
  ALIBI_FLOW_SNAPSHOT = 1,      /* the socket is older than the recorder */
  ALIBI_FLOW_MORE_USERS = 2,    /* more than ALIBI_USERS_MAX processes used it */
  ALIBI_FLOW_ANNOUNCED = 4,     /* FLOW_OPEN was sent before */
  ALIBI_FLOW_TALKED = 8,        /* a conversation was counted on it (UDP, ICMP, raw) */
  ALIBI_FLOW_PRESUMED = 16,     /* the sender was seen connecting, not yet sending */
};

/* A process seen doing input or output on a socket. */
struct alibi_socket_user {
  __u64 start_boot_ns;
  __u32 tgid;
  __u32 uid;
  __u32 how; /* enum alibi_socket_how, of the first use */
  __u32 reserved_0;
  __u64 bytes_out;
  __u64 bytes_in;
};
ALIBI_WIRE_TYPE(struct alibi_socket_user, 40);

struct alibi_tuple {
  __u8 local[16]; /* IPv4 in the first four bytes */
  __u8 remote[16];
  __u16 local_port; /* host byte order */
  __u16 remote_port;
  __u16 family;   /* AF_INET, AF_INET6, AF_PACKET */
  __u16 protocol; /* IANA number */
};
ALIBI_WIRE_TYPE(struct alibi_tuple, 40);

/* TCP. header.process is the creator: who connected, or who listened. The record
 * ends behind the first user when there are no others: header.size tells. */
struct alibi_flow {
  struct alibi_header header;
  struct alibi_tuple tuple;
  __u64 cookie;
  __u64 created_ns;
  __u64 established_ns;
  __u64 bytes_out; /* payload, without retransmissions */
  __u64 bytes_in;
  __u32 packets_out;
  __u32 packets_in;
  __u32 retransmits;
  __u32 srtt_us;
  __u32 net_ns;
  __u16 error; /* errno of the socket */
  __u8 old_state; /* TCP_* before, include/net/tcp_states.h */
  __u8 state;
  __u8 role;       /* enum alibi_socket_role */
  __u8 moment;     /* enum alibi_flow_moment */
  __u8 user_count; /* of users[] that are filled */
  __u8 flags;      /* enum alibi_flow_flags */
  __u32 reserved_0;
  struct alibi_socket_user users[ALIBI_USERS_MAX];
};
ALIBI_WIRE_TYPE(struct alibi_flow, 40 + 40 + 40 + 16 + 16 + 160);

/* A raw, ICMP or packet socket was opened; header.process did it. */
struct alibi_socket {
  struct alibi_header header;
  __u64 cookie;
  __u32 net_ns;
  __u16 family;
  __u16 type;
  __u32 protocol;
  __u32 reserved_0;
};
ALIBI_WIRE_TYPE(struct alibi_socket, 64);

/* header.process was seen using a socket for the first time. */
struct alibi_socket_use {
  struct alibi_header header;
  struct alibi_tuple tuple;
  struct alibi_process_key creator;
  __u64 cookie;
  __u32 net_ns;
  __u16 how;        /* enum alibi_socket_how */
  __u16 user_count; /* processes seen using it up to now, this one included */
};
ALIBI_WIRE_TYPE(struct alibi_socket_use, 40 + 40 + 16 + 16);

struct alibi_socket_end { /* a socket with conversations was released by its last holder */
  struct alibi_header header;
  __u64 cookie;
};
ALIBI_WIRE_TYPE(struct alibi_socket_end, 48);

/* header.process has a descriptor of the socket. */
struct alibi_holder {
  struct alibi_header header;
  struct alibi_tuple tuple;
  __u64 cookie;
  __u32 net_ns;
  __u32 fd;
  __u8 state;
  __u8 is_old_socket; /* 1: nothing was known of the socket before */
  __u16 reserved_0;
  __u32 reserved_1;
};
ALIBI_WIRE_TYPE(struct alibi_holder, 40 + 40 + 24);

/* connect(2) returned an error; header.process called it. */
struct alibi_connect_fail {
  struct alibi_header header;
  struct alibi_tuple tuple; /* remote side and protocol only */
  __u64 cookie; /* 0: no packet can have left */
  __s32 error;  /* errno, positive */
  __u32 net_ns;
};
ALIBI_WIRE_TYPE(struct alibi_connect_fail, 96);

/* A DNS message of this host's asker; header.process owns the socket. Followed
 * by `captured_bytes` of the payload and unused space up to header.size. */
struct alibi_dns {
  struct alibi_header header;
  struct alibi_tuple tuple;
  __u64 cookie;
  __u32 net_ns;
  __u16 payload_bytes;
  __u16 captured_bytes;
  __u8 is_answer; /* 1: came in, 0: went out */
  __u8 user_count; /* processes known to use the socket */
  __u16 reserved_0;
  __u32 reserved_1;
};
ALIBI_WIRE_TYPE(struct alibi_dns, 40 + 40 + 24);

/* ------------------------------------------------------------------ packets */

enum alibi_owner_by {
  ALIBI_OWNER_NOBODY = 0,
  ALIBI_OWNER_CREATOR = 1,
  ALIBI_OWNER_USER = 2,    /* the one process that moved bytes, or used the socket at all */
  ALIBI_OWNER_SEVERAL = 3, /* the first of several that did */
  ALIBI_OWNER_SENDER = 4,  /* datagrams: sent last, in its own context */
  ALIBI_OWNER_CONNECTOR = 5, /* datagrams: connected, not yet seen sending */
};

/* One packet of a socket as cgroup_skb sees it, from the IP header on.
 * header.process is the owner as far as the socket's state had it then. Followed
 * by captured_bytes of the packet and unused space up to header.size. */
struct alibi_packet {
  struct alibi_header header;
  __u64 cookie;
  __u32 net_ns;
  __u32 ifindex;
  __u32 wire_bytes;     /* IP header included; of GSO and GRO packets before they are cut */
  __u32 captured_bytes; /* from the IP header on */
  __u16 gso_segs;
  __u8 is_out;
  __u8 owner_by;   /* enum alibi_owner_by */
  __u8 role;       /* enum alibi_socket_role */
  __u8 flags;      /* enum alibi_flow_flags */
  __u16 reserved_0;
  __u8 device[ALIBI_DEVICE_BYTES]; /* name; empty where an earlier packet of the socket told it */
};
ALIBI_WIRE_TYPE(struct alibi_packet, 40 + 8 + 16 + 8 + 16);

/* ------------------------------------------- conversations (UDP, ICMP, raw) */

struct alibi_conversation_key {
  __u64 cookie;
  __u8 remote[16];
  __u16 remote_port;
  __u16 family;
  __u16 protocol;
  __u16 local_port;
};
ALIBI_WIRE_TYPE(struct alibi_conversation_key, 32);

struct alibi_conversation {
  __u64 first_ns;
  __u64 last_ns;
  __u64 packets_out;
  __u64 packets_in;
  __u64 bytes_out; /* UDP: payload; others: bytes behind the IP header */
  __u64 bytes_in;
  struct alibi_process_key creator; /* of the socket */
  struct alibi_process_key sender;  /* seen sending to this remote, in its own context */
  struct alibi_process_key other_sender;
  __u8 local[16];
  __u32 net_ns;
  __u8 began_in;  /* 1: the first packet came in */
  __u8 announced; /* recorder's own mark, not used by the programs */
  __u16 flags;    /* enum alibi_flow_flags of the socket */
};
ALIBI_WIRE_TYPE(struct alibi_conversation, 48 + 48 + 16 + 8);

#endif
