#include "cli/broker_config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// Mosquitto's own limit on included folders is depth too; nobody nests them.
constexpr int kDepthMax = 10;

constexpr char kBlanks[] = " \t";
constexpr uint16_t kMqttPort = 1883;  // of the default listener

// Why the broker would not know this line's variable: it splits lines at blanks, so that a tab is a part
// of the name, and takes only # in a line's first place for a comment. Empty: it would.
absl::string_view Complaint(absl::string_view line) {
  if (absl::StartsWith(line, "#")) return "";
  absl::ConsumeSuffix(&line, "\r");
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const absl::string_view name = line.substr(0, line.find(' '));
  if (absl::StrContains(name, '\t')) {
    return "a tab before the name or behind it: to Mosquitto it is a part of the name";
  }
  return absl::StartsWith(name, "#")
             ? "an indented comment: to Mosquitto # is the name of a variable there"
             : "";
}

struct Reader {
  BrokerConfig config;
  std::vector<PluginLine> lines;
  bool any = false;           // a line that loads a plugin has come
  bool ours = false;          // the plugin that plugin_opt_ lines belong to now
  int default_listener = -1;  // of config.listeners: that of port and bind_address

  absl::Status ReadFile(const std::string& path, int depth);
  absl::Status ReadFolder(const std::string& path, int depth);
  absl::Status ReadLine(absl::string_view line, const std::string& where, int depth);
  void Listen(absl::string_view key, absl::string_view value, const std::string& where);
  void Load(absl::string_view keyword, absl::string_view path, const std::string& where);
};

bool LoadsPlugin(absl::string_view key) {
  return key == "plugin" || key == "global_plugin" || key == "auth_plugin" || key == "plugin_load";
}

void Reader::Load(absl::string_view keyword, absl::string_view path, const std::string& where) {
  any = true;
  ours = absl::EndsWith(path, kPluginFileName);
  if (ours) {
    lines.push_back({where, std::string(path), {}, std::string(keyword)});
  } else {
    config.authenticates = true;
  }
}

void Reader::Listen(absl::string_view key, absl::string_view value, const std::string& where) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(value, absl::ByAnyChar(kBlanks), absl::SkipEmpty());
  uint32_t port = 0;
  const bool has_port = !words.empty() && absl::SimpleAtoi(words[0], &port) && port <= 65'535;
  std::vector<BrokerListener>& all = config.listeners;
  if (key == "listener") {
    all.push_back({std::string(words.size() > 1 ? words[1] : ""),
                   static_cast<uint16_t>(has_port ? port : 0), where});
    return;
  }
  // The lines of the default listener; only one that has a port, or an address, is there.
  if (default_listener < 0) {
    default_listener = static_cast<int>(all.size());
    all.push_back({"", kMqttPort, where});
  }
  BrokerListener& listener = all[static_cast<size_t>(default_listener)];
  if (key == "bind_address") listener.address = std::string(value);
  if (key == "port" && has_port) listener.port = static_cast<uint16_t>(port);
}

absl::Status Reader::ReadLine(absl::string_view line, const std::string& where, int depth) {
  // At a tab as well, which has been complained of: what else is wrong shows all the same.
  const size_t space = line.find_first_of(kBlanks);
  const absl::string_view key = line.substr(0, space);
  absl::string_view value =
      space == absl::string_view::npos ? "" : absl::StripAsciiWhitespace(line.substr(space));
  if (LoadsPlugin(key)) {
    // plugin_load has a name before the path.
    if (key == "plugin_load") value = value.substr(value.find_last_of(kBlanks) + 1);
    Load(key, value, where);
  } else if (absl::ConsumePrefix(&line, "plugin_opt_") || absl::ConsumePrefix(&line, "auth_opt_")) {
    OptionLine option{std::string(line.substr(0, line.find_first_of(kBlanks))), std::string(value),
                      where};
    if (ours) {
      lines.back().options.push_back(std::move(option));
    } else if (!any) {
      config.orphans.push_back(std::move(option));
    }
  } else if (key == "per_listener_settings") {
    config.per_listener_settings = value == "true" ? where : "";
  } else if (key == "listener" || key == "port" || key == "bind_address") {
    Listen(key, value, where);
  } else if (key == "bind_interface" && !config.listeners.empty()) {
    config.listeners.back().port = 0;  // on which addresses only the broker knows
  } else if (key == "user") {
    config.user = std::string(value);
  } else if (key == "password_file" || key == "psk_file") {
    config.authenticates = true;
  } else if (key == "include_dir") {
    return ReadFolder(std::string(value), depth + 1);
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadFolder(const std::string& path, int depth) {
  if (depth > kDepthMax)
    return absl::InvalidArgumentError(absl::StrCat(path, ": included too deep"));
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() == ".conf") files.push_back(entry.path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat("include_dir ", path, ": ", error.message()));
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    if (absl::Status s = ReadFile(file, depth); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadFile(const std::string& path, int depth) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {  // opens, and reads as if it were empty
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder; name a file in it"));
  }
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  int number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(text);
    if (const absl::string_view why = Complaint(text); !why.empty()) {
      config.refused_lines.push_back({absl::StrCat(path, ":", number), std::string(why)});
    }
    if (line.empty() || line[0] == '#') continue;
    if (absl::Status s = ReadLine(line, absl::StrCat(path, ":", number), depth); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view PluginLine::Option(absl::string_view name) const {
  for (const OptionLine& option : options) {
    if (option.name == name) return option.value;
  }
  return "";
}

absl::StatusOr<BrokerConfig> ReadBrokerConfig(const std::string& path) {
  Reader reader;
  if (absl::Status s = reader.ReadFile(path, 0); !s.ok()) return s;
  reader.config.plugin_lines = std::move(reader.lines);
  std::vector<BrokerListener>& all = reader.config.listeners;
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& l) { return l.port == 0; }),
            all.end());
  return std::move(reader.config);
}

}  // namespace session_status::cli
