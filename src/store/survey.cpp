#include "store/survey.hpp"

#include <fcntl.h>

#include <utility>

#include "event/csv.hpp"
#include "store/chunks.hpp"

namespace alibi::store {
namespace {

/// Collects a Survey line by line.
class Surveyor {
 public:
  explicit Surveyor(const std::function<void(const event::Record&)>& visit) : visit_(visit) {}

  void add(std::string_view line, std::uint64_t offset) {
    const auto record = event::parse_csv(line);
    if (!record) return;
    if (survey_.records == 0 && record->kind == event::Kind::Segment) {
      survey_.boot_id = record->find_extra("boot_id");
    }
    ++survey_.records;
    survey_.good_bytes = offset + line.size() + 1;
    survey_.last_seq = record->seq;
    survey_.was_stopped = record->kind == event::Kind::RecorderStop;
    if (visit_) visit_(*record);
  }

  void add_header(std::string_view line) { survey_.good_bytes = line.size() + 1; }

  Survey finish() { return std::move(survey_); }

 private:
  const std::function<void(const event::Record&)>& visit_;
  Survey survey_;
};

}  // namespace

Result<Survey> survey_segment(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                              const std::function<void(const event::Record&)>& visit) {
  const auto path = layout.csv(first_seq);
  const auto fd = disk.open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  Surveyor surveyor(visit);
  ForwardChunks chunks(disk, fd->get(), 0);
  bool is_ours = true;
  while (true) {
    const auto chunk = chunks.next();
    if (!chunk) return during("read " + path.string(), chunk.error());
    if (chunk->text.empty()) return surveyor.finish();
    for_each_line(*chunk, [&](std::string_view line, std::uint64_t offset) {
      if (offset != 0) return surveyor.add(line, offset);
      is_ours = line == event::csv_header();
      surveyor.add_header(line);
    });
    if (!is_ours) {
      return fail(
          Errc::Corrupt,
          path.string() +
              " does not begin with the header line of this version; move it away to go on");
    }
  }
}

}  // namespace alibi::store
