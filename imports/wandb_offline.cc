// W&B's own file of a run, run-<id>.wandb, as offline runs leave it.
//
// Framing is LevelDB's log behind seven bytes (":W&B", 0xBEE1, a version): blocks of 32 KiB with
// records {CRC-32 of type and data, 4 bytes; length, 2; type, 1: full, first, middle or last;
// data}, a block's last bytes zero where no record's head fits. The CRC is zlib's, not LevelDB's
// CRC-32C. Data are protobuf Records {2: history, 5: config, 17: run, 18: exit}; history and config
// hold items {1: key, 2: nested key, 16: value as JSON}.
//
// A record that ends beyond the file is the last of one that is still being written: it is left
// out and said. A run that ended with an exit code other than 0 is left out. Config values are
// facts: the number of parameters is looked for there.
// Source: wandb/sdk/internal/datastore.py and wandb_internal.proto.
#include "imports/crc32.h"
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/proto_wire.h"
#include "imports/python_json.h"
#include "imports/tracker_run.h"

namespace isoflop {
namespace {

constexpr std::string_view kWandbMagic = ":W&B\xE1\xBE";
constexpr std::size_t kWandbHead = 7, kWandbBlock = 32768;
enum WandbPart : unsigned char { kWholeRecord = 1, kFirstPart = 2, kMiddlePart = 3, kLastPart = 4 };
namespace wandb_record {
constexpr std::uint32_t kHistory = 2, kConfig = 5, kRun = 17, kExit = 18;
}

// The records of a file, one after the other.
class WandbRecords {
 public:
  WandbRecords(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  // The next whole record; false at the end.
  bool next(std::string& record) {
    record.clear();
    for (unsigned char type = 0; next_part(type, record);) {
      if (type == kWholeRecord || type == kLastPart) return true;
    }
    return false;
  }
  bool is_torn() const { return torn_; }

 private:
  bool next_part(unsigned char& type, std::string& record) {
    const std::size_t space = kWandbBlock - at_ % kWandbBlock;
    if (space < kWandbHead) at_ += space;
    if (at_ >= bytes_.size()) return torn(!record.empty());
    const std::string_view rest = bytes_.substr(at_);
    if (rest.size() < kWandbHead) return torn(true);
    const std::size_t length = little_endian(rest.substr(4, 2));
    if (length > rest.size() - kWandbHead) return torn(true);
    // The check is of the type and the data, which stand together.
    if (crc32_of<kZlib>(rest.substr(6, length + 1)) != little_endian(rest.substr(0, 4))) {
      corrupt("a record does not match its check");
    }
    type = static_cast<unsigned char>(rest[6]);
    const bool begins = type == kWholeRecord || type == kFirstPart;
    if (type < kWholeRecord || type > kLastPart || begins != record_begins_) {
      corrupt("a record's parts are out of order");
    }
    record_begins_ = type == kWholeRecord || type == kLastPart;
    record += rest.substr(kWandbHead, length);
    at_ += kWandbHead + length;
    return true;
  }
  bool torn(bool is) {
    torn_ = torn_ || is;
    return false;
  }
  [[noreturn]] void corrupt(const std::string& what) const {
    throw usage_error(path_ + ": byte " + std::to_string(at_) + ": " + what +
                      "; the file is damaged: copy it again from where it was written");
  }

  std::string_view bytes_;
  std::string path_;
  std::size_t at_ = kWandbHead;
  bool record_begins_ = true;
  bool torn_ = false;
};

struct WandbItem {
  std::string key;
  std::string_view json;
};

WandbItem wandb_item(std::string_view bytes) {
  WandbItem item;
  ProtoReader reader(bytes);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1) item.key = field.bytes;
    if (field.number == 2) item.key += (item.key.empty() ? "" : "/") + std::string(field.bytes);
    if (field.number == 16) item.json = field.bytes;
  }
  return item;
}

std::vector<WandbItem> wandb_items(std::string_view message) {
  std::vector<WandbItem> items;
  ProtoReader reader(message);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1 && field.wire_type == 2) items.push_back(wandb_item(field.bytes));
  }
  return items;
}

std::optional<double> json_number(std::string_view json) {
  LineCursor cursor(trimmed_text(json));
  const auto number = cursor.number();
  return number && cursor.at_end() ? number : std::nullopt;
}

// HistoryRecord {1: items, 2: {1: step}}.
void add_history(std::string_view history, TrackerRun& run) {
  const std::vector<WandbItem> items = wandb_items(history);
  double step = 0, time = 0;
  ProtoReader reader(history);
  for (ProtoField field; reader.next(field);) {
    if (field.number != 2) continue;
    ProtoReader inner(field.bytes);
    for (ProtoField number; inner.next(number);) {
      if (number.number == 1) step = static_cast<double>(number.bits);
    }
  }
  for (const WandbItem& item : items) {
    if (item.key == "_step") step = json_number(item.json).value_or(step);
    if (item.key == "_timestamp") time = json_number(item.json).value_or(0);
  }
  if (!(step >= 0) || step > 9e15) return;
  for (const WandbItem& item : items) {
    const auto value = json_number(item.json);
    if (!value || item.key.empty() || item.key.front() == '_') continue;
    run.metrics[item.key].push_back(
        {.step = static_cast<std::int64_t>(step), .value = *value, .seconds = time});
  }
}

void add_config(std::string_view config, TrackerRun& run) {
  for (const WandbItem& item : wandb_items(config)) {
    if (item.key.empty() || item.key.front() == '_') continue;
    try {
      Json object = Json::object();
      object[item.key] = parse_python_json(item.json, "");
      add_json_facts(object, run);
    } catch (const Error&) {
      // A value that is no JSON says nothing that is needed.
    }
  }
}

// RunRecord {1: id, 3: project, 6: group, 8: display name}.
void add_run_names(std::string_view record, TrackerRun& run) {
  ProtoReader reader(record);
  for (ProtoField field; reader.next(field);) {
    if (field.wire_type != 2) continue;
    if (field.number == 1) run.source_id = field.bytes;
    if (field.number == 8) run.label = field.bytes;
    if (field.number == 3) run.said["project"] = std::string(field.bytes);
    if (field.number == 4) add_config(field.bytes, run);
    if (field.number == 6) run.said["group"] = std::string(field.bytes);
  }
}

void add_exit(std::string_view record, TrackerRun& run, bool& ended) {
  ended = true;
  ProtoReader reader(record);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1 && field.wire_type == 0 && field.bits != 0) {
      run.why_not =
          "it ended with exit code " + std::to_string(static_cast<std::int32_t>(field.bits));
    }
  }
}

bool recognises_wandb_offline(const ImportSource& source) {
  return source.bytes.starts_with(kWandbMagic);
}

void add_wandb_record(std::string_view record, TrackerRun& run, bool& ended) {
  ProtoReader reader(record);
  for (ProtoField field; reader.next(field);) {
    if (field.wire_type != 2) continue;
    if (field.number == wandb_record::kHistory) add_history(field.bytes, run);
    if (field.number == wandb_record::kConfig) add_config(field.bytes, run);
    if (field.number == wandb_record::kRun) add_run_names(field.bytes, run);
    if (field.number == wandb_record::kExit) add_exit(field.bytes, run, ended);
  }
}

RunImport read_wandb_offline(const ImportSource& source, const ImportOptions& options) {
  if (!recognises_wandb_offline(source)) {
    throw usage_error(source.path +
                      ": is no .wandb file: it does not begin with \":W&B\"; see isoflop import "
                      "--help for other formats");
  }
  TrackerRun run;
  bool ended = false;
  WandbRecords records(source.bytes, source.path);
  for (std::string record; records.next(record);) add_wandb_record(record, run, ended);
  RunImport read;
  if (records.is_torn()) {
    read.notes.push_back(
        "The last record is not complete and was left out: the file was still "
        "being written");
  } else if (!ended) {
    read.notes.push_back("The file does not say that the run has ended");
  }
  std::vector<TrackerRun> runs;
  runs.push_back(std::move(run));
  add_tracker_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat wandb_offline_format() {
  return {"wandb-offline", "W&B's own file of a run, run-<id>.wandb", recognises_wandb_offline,
          read_wandb_offline};
}

}  // namespace isoflop
