#include "cli/configuration.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <bit>
#include <vector>

#include "cli/nearest.hpp"
#include "cli/packet_options.hpp"
#include "cli/quantity.hpp"
#include "cli/settings_file.hpp"
#include "seal/digest.hpp"

namespace alibi::cli {
namespace {

using recorder::Options;

/// One key: where it stands, how a value becomes an option, and back.
struct Key {
  const char* path;
  const char* form;  ///< what a value looks like, for messages
  bool (*read)(Options&, const toml::node&);
  std::string (*print)(const Options&);
};

bool read_text(std::string& into, const toml::node& node) {
  const auto value = node.value_exact<std::string>();
  if (value) into = *value;
  return value.has_value();
}

bool read_flag(bool& into, const toml::node& node) {
  const auto value = node.value_exact<bool>();
  if (value) into = *value;
  return value.has_value();
}

template <typename Integer>
bool read_size(Integer& into, const toml::node& node, std::uint64_t least, std::uint64_t most) {
  const auto text = node.value_exact<std::string>();
  const auto size = text ? parse_size(*text) : std::nullopt;
  if (!size || *size < least || *size > most) return false;
  into = static_cast<Integer>(*size);
  return true;
}

template <typename Integer>
bool read_count(Integer& into, const toml::node& node, std::int64_t least, std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) return false;
  into = static_cast<Integer>(*value);
  return true;
}

bool read_milliseconds(std::uint64_t& into, const toml::node& node, std::uint64_t least_ms,
                       std::uint64_t most_ms) {
  const auto text = node.value_exact<std::string>();
  const auto value = text ? parse_duration_ms(*text) : std::nullopt;
  if (!value || *value < least_ms || *value > most_ms) return false;
  into = *value;
  return true;
}

bool read_ring(std::uint32_t& into, const toml::node& node) {
  std::uint32_t size = 0;
  if (!read_size(size, node, 4096, 1U << 30) || !std::has_single_bit(size)) return false;
  into = size;
  return true;
}

bool read_names(std::vector<std::string>& into, const toml::node& node) {
  const toml::array* list = node.as_array();
  if (!list) return false;
  std::vector<std::string> names;
  for (const toml::node& element : *list) {
    if (!read_text(names.emplace_back(), element)) return false;
  }
  into = std::move(names);
  return true;
}

/// Absolute, or empty.
bool read_path(std::string& into, const toml::node& node) {
  std::string text;
  if (!read_text(text, node) || text.contains('\0')) return false;
  if (!text.empty() && !text.starts_with('/')) return false;
  into = std::move(text);
  return true;
}

bool read_urls(std::vector<std::string>& into, const toml::node& node) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> urls;
  if (!read_names(urls, node) || urls.size() > kMost) return false;
  const auto is_url = [](const std::string& url) {
    return (url.starts_with("http://") || url.starts_with("https://")) &&
           std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; });
  };
  if (!std::ranges::all_of(urls, is_url)) return false;
  into = std::move(urls);
  return true;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string print_names(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names)
    out += (out.size() > 1 ? ", " : "") + toml_text(name);
  return out + "]";
}

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr const char* kFlag = "true or false";
constexpr const char* kRing = "a size that is a power of two, 4KiB to 1GiB, such as \"8MiB\"";

#define ALIBI_FLAG_KEY(path, member)                                                     \
  Key {                                                                                  \
    path, kFlag, [](Options& o, const toml::node& n) { return read_flag(o.member, n); }, \
        [](const Options& o) { return std::string(o.member ? "true" : "false"); }        \
  }

const Key kKeys[] = {
    {"log.directory", "an absolute path, such as \"/var/lib/alibi\"",
     [](Options& o, const toml::node& n) {
       std::string text;
       if (!read_text(text, n) || !text.starts_with('/') || text.contains('\0')) return false;
       o.directory = text;
       return true;
     },
     [](const Options& o) { return toml_text(o.directory.string()); }},
    {"log.budget", "a size, such as \"10GiB\"; \"0\" for no limit",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.budget_bytes, n, 0, 1ULL << 60);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.budget_bytes)); }},
    {"log.keep_days", "a number of days; 0 for no limit",
     [](Options& o, const toml::node& n) { return read_count(o.limits.budget_days, n, 0, 36'500); },
     [](const Options& o) { return std::to_string(o.limits.budget_days); }},
    {"log.reserve", "a size up to 1GiB, such as \"16MiB\"",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.reserve_bytes, n, 0, 1ULL << 30);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.reserve_bytes)); }},
    {"segment.size", "a size, 1MiB to 1GiB, such as \"64MiB\"",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.segment_bytes, n, 1U << 20, 1U << 30);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.segment_bytes)); }},
    {"segment.age", "a duration, 1min to 1d, such as \"1d\"",
     [](Options& o, const toml::node& n) {
       std::uint64_t ms = 0;
       if (!read_milliseconds(ms, n, 60'000, kDayMs)) return false;
       o.limits.segment_seconds = ms / 1000;
       return true;
     },
     [](const Options& o) { return toml_text(duration_ms_text(o.limits.segment_seconds * 1000)); }},
    {"block.size", "a size, 4KiB to 16MiB, such as \"256KiB\"",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.block_bytes, n, 4096, 16U << 20);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.block_bytes)); }},
    {"block.lines", "a number, 1 to 1000000",
     [](Options& o, const toml::node& n) {
       return read_count(o.limits.block_lines, n, 1, 1'000'000);
     },
     [](const Options& o) { return std::to_string(o.limits.block_lines); }},
    {"block.age", "a duration, 100ms to 1min, such as \"1s\"",
     [](Options& o, const toml::node& n) {
       std::uint64_t ms = 0;
       if (!read_milliseconds(ms, n, 100, 60'000)) return false;
       o.limits.block_ms = static_cast<std::uint32_t>(ms);
       return true;
     },
     [](const Options& o) { return toml_text(duration_ms_text(o.limits.block_ms)); }},
    {"ring.process", kRing,
     [](Options& o, const toml::node& n) { return read_ring(o.process_ring_bytes, n); },
     [](const Options& o) { return toml_text(size_text(o.process_ring_bytes)); }},
    {"ring.network", kRing,
     [](Options& o, const toml::node& n) { return read_ring(o.network_ring_bytes, n); },
     [](const Options& o) { return toml_text(size_text(o.network_ring_bytes)); }},
    {"ring.packet", kRing,
     [](Options& o, const toml::node& n) { return read_ring(o.packet_ring_bytes, n); },
     [](const Options& o) { return toml_text(size_text(o.packet_ring_bytes)); }},
    {"ring.perf_pages", "a power of two, 1 to 65536",
     [](Options& o, const toml::node& n) {
       std::uint32_t pages = 0;
       if (!read_count(pages, n, 1, 65'536) || !std::has_single_bit(pages)) return false;
       o.perf_pages = pages;
       return true;
     },
     [](const Options& o) { return std::to_string(o.perf_pages); }},
    {"packets.keep", kPacketsForm,
     [](Options& o, const toml::node& n) {
       std::string text;
       if (const auto bytes = n.value_exact<std::int64_t>()) text = std::to_string(*bytes);
       return (!text.empty() || read_text(text, n)) && read_packets(o.packets, text);
     },
     [](const Options& o) { return toml_text(packets_text(o.packets)); }},
    {"packets.filter", "a filter expression of pcap-filter(7), such as \"tcp port 25\"",
     [](Options& o, const toml::node& n) { return read_text(o.packets.payload_filter, n); },
     [](const Options& o) { return toml_text(o.packets.payload_filter); }},
    {"packets.budget", "a size, such as \"2GiB\"; \"0\" for no limit",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.packet_budget_bytes, n, 0, 1ULL << 60);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.packet_budget_bytes)); }},
    {"packets.file_size", "a size, 1MiB to 1GiB, such as \"64MiB\"",
     [](Options& o, const toml::node& n) {
       return read_size(o.limits.packet_segment_bytes, n, 1U << 20, 1U << 30);
     },
     [](const Options& o) { return toml_text(size_text(o.limits.packet_segment_bytes)); }},
    {"packets.rate", "a size for each second, such as \"10MiB\"; \"0\" for no limit",
     [](Options& o, const toml::node& n) {
       return read_size(o.packets.rate_bytes, n, 0, 1ULL << 40);
     },
     [](const Options& o) { return toml_text(size_text(o.packets.rate_bytes)); }},
    ALIBI_FLAG_KEY("packets.unowned", packets.has_unowned),
    {"witness.policy", "an absolute path of a policy, or \"\" for identity/policy in the log",
     [](Options& o, const toml::node& n) { return read_path(o.third_parties.policy_file, n); },
     [](const Options& o) { return toml_text(o.third_parties.policy_file); }},
    {"witness.timeout", "a duration, 1s to 1min, such as \"10s\"",
     [](Options& o, const toml::node& n) {
       std::uint64_t ms = 0;
       if (!read_milliseconds(ms, n, 1000, 60'000)) return false;
       o.third_parties.timeout_ms = static_cast<std::uint32_t>(ms);
       return true;
     },
     [](const Options& o) { return toml_text(duration_ms_text(o.third_parties.timeout_ms)); }},
    {"timestamp.urls", "a list of at most 8 addresses, such as [\"http://tsa.example/tsr\"]",
     [](Options& o, const toml::node& n) { return read_urls(o.third_parties.stamp_urls, n); },
     [](const Options& o) { return print_names(o.third_parties.stamp_urls); }},
    {"timestamp.interval", "a duration, 1min to 7d, such as \"1h\"",
     [](Options& o, const toml::node& n) {
       std::uint64_t ms = 0;
       if (!read_milliseconds(ms, n, 60'000, 7 * kDayMs)) return false;
       o.third_parties.stamp_interval_s = ms / 1000;
       return true;
     },
     [](const Options& o) {
       return toml_text(duration_ms_text(o.third_parties.stamp_interval_s * 1000));
     }},
    {"timestamp.roots", "an absolute path of certificates (PEM), or \"\"",
     [](Options& o, const toml::node& n) { return read_path(o.third_parties.stamp_roots, n); },
     [](const Options& o) { return toml_text(o.third_parties.stamp_roots); }},
    ALIBI_FLAG_KEY("record.images", hash_images),
    ALIBI_FLAG_KEY("record.modules", record_modules),
    ALIBI_FLAG_KEY("record.dns", record_dns),
    ALIBI_FLAG_KEY("record.failed_exec", record_failed_exec),
    {"record.flow_update", "a duration, 1s to 1d, such as \"5min\"",
     [](Options& o, const toml::node& n) {
       return read_milliseconds(o.flow_update_ms, n, 1000, kDayMs);
     },
     [](const Options& o) { return toml_text(duration_ms_text(o.flow_update_ms)); }},
    ALIBI_FLAG_KEY("record.tls_requests", tls_requests),
    ALIBI_FLAG_KEY("record.keep_attached", keep_attached),
    {"record.disabled_sensors", "a list of sensor names, such as [\"modules\"]",
     [](Options& o, const toml::node& n) { return read_names(o.disabled_sensors, n); },
     [](const Options& o) { return print_names(o.disabled_sensors); }},
};

#undef ALIBI_FLAG_KEY

std::unexpected<Error> wrong(const std::string& file, const toml::source_region& where,
                             const std::string& what) {
  return fail(Errc::Usage, fmt::format("{}:{}: {}", file, where.begin.line, what));
}

std::string nearest_key(const std::string& path) {
  std::vector<std::string> paths;
  for (const Key& key : kKeys)
    paths.emplace_back(key.path);
  // The right key in the wrong table is nearer than any letters are.
  const std::size_t dot = path.rfind('.');
  for (const std::string& known : paths) {
    if (dot != std::string::npos && known.substr(known.find('.')) == path.substr(dot)) return known;
  }
  return nearest_word(path, paths);
}

Status apply_value(Options& options, const std::string& path, const toml::node& node,
                   const std::string& file) {
  const auto key = std::ranges::find_if(kKeys, [&](const Key& k) { return k.path == path; });
  if (key == std::end(kKeys)) {
    const std::string nearest = nearest_key(path);
    return wrong(file, node.source(),
                 fmt::format("there is no key '{}'{}", path,
                             nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
  }
  if (!key->read(options, node))
    return wrong(file, node.source(), fmt::format("'{}' must be {}", path, key->form));
  return {};
}

Status apply_table(Options& options, const toml::table& table, const std::string& file) {
  for (const auto& [name, node] : table) {
    const std::string section(name.str());
    const toml::table* inner = node.as_table();
    if (!inner) {
      if (auto done = apply_value(options, section, node, file); !done) return done;
      continue;
    }
    for (const auto& [key, value] : *inner) {
      if (auto done = apply_value(options, section + "." + std::string(key.str()), value, file);
          !done)
        return done;
    }
  }
  return {};
}

Status apply_file(Options& options, const std::filesystem::path& file) {
  const auto text = read_settings(file);
  if (!text) return std::unexpected(text.error());
  return apply_configuration(options, *text, file.string());
}

Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".toml") files.push_back(it->path());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno(error.value(), "read " + directory.string());
  std::ranges::sort(files);
  return files;
}

}  // namespace

Status apply_configuration(Options& options, std::string_view text, const std::string& file) {
  if (text.size() > kSettingsBytesMax) return fail(Errc::Usage, file + ": larger than 1 MiB");
  try {
    const toml::table table = toml::parse(text, file);
    Options changed = options;
    if (auto done = apply_table(changed, table, file); !done) return done;
    options = std::move(changed);
    return {};
  } catch (const toml::parse_error& error) {
    return wrong(file, error.source(), std::string(error.description()));
  }
}

Result<Options> load_configuration(const std::filesystem::path& file) {
  Options options;
  if (auto done = apply_file(options, file); !done) {
    const bool is_optional = file == kConfigFile && done.error().code == Errc::NotFound;
    if (!is_optional) return std::unexpected(done.error());
  }
  const auto files = drop_ins(file.parent_path() / "conf.d");
  if (!files) return std::unexpected(files.error());
  for (const auto& drop_in : *files) {
    if (auto done = apply_file(options, drop_in); !done) return std::unexpected(done.error());
  }
  return options;
}

std::string print_configuration(const Options& options) {
  std::string out;
  std::string section;
  for (const Key& key : kKeys) {
    const std::string_view path = key.path;
    const std::size_t dot = path.find('.');
    if (path.substr(0, dot) != section) {
      section = path.substr(0, dot);
      out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section);
    }
    out += fmt::format("{} = {}\n", path.substr(dot + 1), key.print(options));
  }
  return out;
}

std::string configuration_sha256(const Options& options) {
  return seal::sha256(print_configuration(options)).to_hex();
}

}  // namespace alibi::cli
