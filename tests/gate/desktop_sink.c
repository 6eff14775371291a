/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* desktop_sink ADDRESS: owns org.freedesktop.Notifications on that bus and prints
 * the summary and the body of each notification, as one line. */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static int notify(sd_bus_message* message, void* data, sd_bus_error* error) {
  const char *application, *icon, *summary, *body;
  unsigned replaces;
  (void)data;
  (void)error;
  int failure =
      sd_bus_message_read(message, "susss", &application, &replaces, &icon, &summary, &body);
  if (failure < 0) return failure;
  printf("%s|", summary);
  for (const char* c = body; *c; c++)
    putchar(*c == '\n' ? '|' : *c);
  putchar('\n');
  fflush(stdout);
  return sd_bus_reply_method_return(message, "u", 7U);
}

static const sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", notify, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(int count, char** words) {
  sd_bus* bus = NULL;
  if (count != 2 || sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, words[1]) < 0 ||
      sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
      sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/Notifications",
                               "org.freedesktop.Notifications", methods, NULL) < 0 ||
      sd_bus_request_name(bus, "org.freedesktop.Notifications", 0) < 0)
    return 1;
  puts("ready");
  fflush(stdout);
  for (;;) {
    const int done = sd_bus_process(bus, NULL);
    if (done < 0) return 1;
    if (done == 0) sd_bus_wait(bus, (uint64_t)-1);
  }
}
