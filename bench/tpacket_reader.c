// The first 96 bytes of every packet of this network namespace into a pcap file,
// by an AF_PACKET ring of version 3 (packet(7), Linux 3.2): the yardstick for
// recorders of packets. Ends at SIGINT and prints what was captured and dropped
// in the words of tcpdump(8).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { BLOCK_BYTES = 1 << 20, BLOCKS = 16, FRAME_BYTES = 256, KEPT_BYTES = 96, RETIRE_MS = 100 };
enum { LINKTYPE_RAW = 101 };

struct file_header {
  uint32_t magic;  // 0xa1b23c4d: nanoseconds
  uint16_t major, minor;
  uint32_t zone, accuracy, snap_bytes, link;
};
struct packet_header {
  uint32_t seconds, nanoseconds, kept_bytes, wire_bytes;
};

static volatile sig_atomic_t is_over;
static void end(int signal) {
  (void)signal;
  is_over = 1;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void write_block(const char* block, FILE* file) {
  const struct tpacket_hdr_v1* head = &((const struct tpacket_block_desc*)block)->hdr.bh1;
  const char* at = block + head->offset_to_first_pkt;
  for (uint32_t i = 0; i < head->num_pkts; i++) {
    const struct tpacket3_hdr* frame = (const struct tpacket3_hdr*)at;
    const uint32_t kept = frame->tp_snaplen < KEPT_BYTES ? frame->tp_snaplen : KEPT_BYTES;
    const struct packet_header packet = {frame->tp_sec, frame->tp_nsec, kept, frame->tp_len};
    fwrite(&packet, sizeof(packet), 1, file);
    fwrite(at + frame->tp_net, kept, 1, file);
    at += frame->tp_next_offset;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  FILE* file = fopen(argv[1], "wb");
  if (!file) fail(argv[1]);
  const struct file_header header = {0xa1b23c4d, 2, 4, 0, 0, KEPT_BYTES, LINKTYPE_RAW};
  fwrite(&header, sizeof(header), 1, file);

  const int ring = socket(AF_PACKET, SOCK_DGRAM, 0);
  if (ring < 0) fail("socket");
  const int version = TPACKET_V3;
  if (setsockopt(ring, SOL_PACKET, PACKET_VERSION, &version, sizeof(version))) fail("TPACKET_V3");
  struct tpacket_req3 request = {.tp_block_size = BLOCK_BYTES,
                                 .tp_block_nr = BLOCKS,
                                 .tp_frame_size = FRAME_BYTES,
                                 .tp_frame_nr = BLOCK_BYTES / FRAME_BYTES * BLOCKS,
                                 .tp_retire_blk_tov = RETIRE_MS};
  if (setsockopt(ring, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
    fail("PACKET_RX_RING");
  char* blocks =
      mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
  if (blocks == MAP_FAILED) fail("mmap");
  const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  if (bind(ring, (const struct sockaddr*)&all, sizeof(all))) fail("bind");

  struct sigaction on_end = {.sa_handler = end};
  sigaction(SIGINT, &on_end, NULL);
  fflush(file);  // whoever waits for the file may begin
  uint64_t captured = 0;
  for (uint32_t next = 0; !is_over;) {
    char* block = blocks + (size_t)next * BLOCK_BYTES;
    struct tpacket_hdr_v1* head = &((struct tpacket_block_desc*)block)->hdr.bh1;
    if (!(__atomic_load_n(&head->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
      struct pollfd waiting = {ring, POLLIN, 0};
      if (poll(&waiting, 1, 1000) < 0 && errno != EINTR) fail("poll");
      continue;
    }
    write_block(block, file);
    captured += head->num_pkts;
    __atomic_store_n(&head->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    next = (next + 1) % BLOCKS;
  }
  struct tpacket_stats_v3 statistics = {0};
  socklen_t size = sizeof(statistics);
  if (getsockopt(ring, SOL_PACKET, PACKET_STATISTICS, &statistics, &size))
    fail("PACKET_STATISTICS");
  if (fclose(file)) fail(argv[1]);
  printf("%llu packets captured\n%u packets dropped by kernel\n", (unsigned long long)captured,
         statistics.tp_drops);
  return 0;
}
