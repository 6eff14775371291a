#pragma once
// DNS messages as records, and the names they taught their asker.

#include "event/record.hpp"
#include "packet/dns_message.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

/// name, result, and type, id, answers in extra.
void describe_dns(event::Record& record, const packet::DnsMessage& message);

/// `process` got this answer at `when`.
void remember_names(Translation& shared, const Process& process, const packet::DnsMessage& message,
                    BootNs when);

}  // namespace alibi::recorder
