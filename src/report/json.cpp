#include "report/json.hpp"

#include <nlohmann/json.hpp>

#include "report/json_parts.hpp"

namespace alibi::report {
namespace {

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json time_or_null(const std::optional<WallNs>& time) {
  return time ? Json(event::to_text(*time)) : Json(nullptr);
}

Json flow_json(const query::Flow& flow, const std::string& community_id) {
  return {{"id", flow.id},
          {"community_id", text_or_null(community_id)},
          {"proto", flow.proto},
          {"local", endpoint_json(flow.local)},
          {"remote", endpoint_json(flow.remote)},
          {"direction", text_or_null(std::string(to_text(flow.direction)))},
          {"start", event::to_text(flow.start)},
          {"end", time_or_null(flow.end)},
          {"state", text_or_null(flow.state)},
          {"bytes_out", value_or_null(flow.bytes_out)},
          {"bytes_in", value_or_null(flow.bytes_in)},
          {"name", text_or_null(flow.name)}};
}

Json holder_json(const query::HolderAnswer& answer) {
  Json roles = Json::array();
  if (answer.holder.is_creator) roles.push_back("creator");
  if (answer.holder.is_user) roles.push_back("user");
  if (answer.holder.is_holder) roles.push_back("holder");
  Json json = process_json(answer.process);
  json["roles"] = std::move(roles);
  json["how"] = text_or_null(answer.holder.how);
  json["bytes_out"] = value_or_null(answer.holder.bytes_out);
  json["bytes_in"] = value_or_null(answer.holder.bytes_in);
  return json;
}

Json process_or_null(const std::optional<query::Process>& process) {
  return process ? process_json(*process) : Json(nullptr);
}

Json branch_json(const query::Branch& branch, int depth) {
  Json executed = Json::array();
  for (const query::Execution& one : branch.executions) {
    executed.push_back({{"time", event::to_text(one.time)}, {"exe", one.exe}, {"args", one.args}});
  }
  Json flows = Json::array();
  for (const query::Flow& flow : branch.flows)
    flows.push_back(flow_json(flow, community_id_of(flow)));
  Json names = Json::object();
  for (const auto& [name, times] : branch.names)
    names[name] = times;
  const auto& parent = branch.process.parent;
  return {{"relation", depth == 0 ? "self" : "descendant"},
          {"depth", depth},
          {"process", process_json(branch.process)},
          {"parent", parent ? Json(to_text(*parent)) : Json(nullptr)},
          {"end", time_or_null(branch.end)},
          {"exit", text_or_null(branch.exit)},
          {"executed", std::move(executed)},
          {"flows", std::move(flows)},
          {"names", std::move(names)},
          {"modules", branch.modules}};
}

void add_branch(const query::Branch& branch, int depth, std::vector<std::string>& lines) {
  lines.push_back(line_of(branch_json(branch, depth)));
  for (const query::Branch& child : branch.children)
    add_branch(child, depth + 1, lines);
}

/// Drops what the record does not have.
class RecordJson {
 public:
  void text(const char* column, std::string_view value) {
    if (!value.empty()) json_[column] = value;
  }
  void number(const char* column, std::uint64_t value) {
    if (value != 0) json_[column] = value;
  }
  void number(const char* column, const std::optional<std::uint64_t>& value) {
    if (value) json_[column] = *value;
  }
  void process(const char* column, const std::optional<event::ProcessKey>& value) {
    if (value) json_[column] = to_text(*value);
  }
  void endpoint(const char* column, const std::optional<event::Endpoint>& value) {
    if (value) json_[column] = to_text(*value);
  }
  Json& operator[](const char* column) { return json_[column]; }
  [[nodiscard]] std::string line() const { return line_of(json_); }

 private:
  Json json_ = Json::object();
};

void add_extra(RecordJson& json, const event::Record& record) {
  if (record.extra.empty() && record.source.ring == 0) return;
  Json extra = Json::object();
  for (const auto& [key, value] : record.extra)
    extra[key] = value;
  if (record.source.ring != 0) extra["src"] = to_text(record.source);
  json["extra"] = std::move(extra);
}

}  // namespace

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json endpoint_json(const std::optional<event::Endpoint>& endpoint) {
  if (!endpoint) return {{"addr", nullptr}, {"port", nullptr}};
  return {{"addr", to_text(endpoint->address)}, {"port", value_or_null(endpoint->port)}};
}

Json process_json(const query::Process& process) {
  return {{"id", to_text(process.key)},
          {"pid", process.key.pid},
          {"exe", text_or_null(process.exe)},
          {"args", process.args},
          {"user", text_or_null(process.user)},
          {"start", event::to_text(process.start)},
          {"sha256", text_or_null(process.sha256)},
          {"package", text_or_null(process.package)}};
}

Json chain_json(const std::vector<query::Process>& chain) {
  Json list = Json::array();
  for (const query::Process& process : chain)
    list.push_back(process_json(process));
  return list;
}

std::string to_json(const event::Record& record) {
  RecordJson json;
  json.number("seq", record.seq);
  json.text("time", event::to_text(record.time));
  json["boot_ns"] = record.boot.ns;
  json.text("kind", to_text(record.kind));
  json.process("process", record.process);
  json.number("process_seq", record.process_seq);
  json.process("parent", record.parent);
  json.text("user", record.user);
  json.text("exe", record.exe);
  if (!record.args.empty()) json["args"] = record.args;
  json.text("flow", record.flow);
  json.text("proto", record.proto);
  json.endpoint("local", record.local);
  json.endpoint("remote", record.remote);
  json.text("direction", to_text(record.direction));
  json.text("name", record.name);
  json.number("bytes_out", record.bytes_out);
  json.number("bytes_in", record.bytes_in);
  json.text("result", record.result);
  json.text("grade", to_text(record.grade));
  json.text("via", record.via);
  add_extra(json, record);
  return json.line();
}

std::string to_json(const query::FlowAnswer& answer) {
  Json holders = Json::array();
  for (const query::HolderAnswer& holder : answer.holders)
    holders.push_back(holder_json(holder));
  return line_of({{"flow", flow_json(answer.flow, answer.community_id)},
                  {"process", process_or_null(answer.process)},
                  {"ancestors", chain_json(answer.ancestors)},
                  {"grade", to_text(answer.flow.grade)},
                  {"via", answer.flow.via},
                  {"holders", std::move(holders)}});
}

std::string to_json(const query::NameAnswer& answer) {
  const event::Record& question = answer.question;
  return line_of({{"flow", nullptr},
                  {"question",
                   {{"name", question.name},
                    {"type", text_or_null(std::string(question.find_extra("type")))},
                    {"time", event::to_text(question.time)},
                    {"times", answer.times}}},
                  {"process", process_or_null(answer.process)},
                  {"ancestors", chain_json(answer.ancestors)},
                  {"grade", to_text(question.grade)},
                  {"via", question.via},
                  {"holders", Json::array()}});
}

std::vector<std::string> to_json_lines(const query::TreeAnswer& answer) {
  std::vector<std::string> lines;
  for (std::size_t i = answer.ancestors.size(); i-- > 0;) {
    const auto& parent = answer.ancestors[i].parent;
    lines.push_back(line_of({{"relation", "ancestor"},
                             {"depth", -static_cast<int>(i) - 1},
                             {"process", process_json(answer.ancestors[i])},
                             {"parent", parent ? Json(to_text(*parent)) : Json(nullptr)}}));
  }
  add_branch(answer.root, 0, lines);
  return lines;
}

}  // namespace alibi::report
