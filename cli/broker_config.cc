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

constexpr char kBlanks[] = " \t";
constexpr uint16_t kMqttPort = 1883;  // of the default listener

// Why the broker would not know this line's variable: it splits lines at blanks, so that a tab is a
// part of the name, and takes only # in a line's first place for a comment. Empty: it would.
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

constexpr int kNone = -1;

// A plugin, any, as the broker keeps them.
struct LoadedPlugin {
  std::string name;  // that plugin_load gives it; empty: it needs no plugin_use
  std::string where;
  int line = kNone;  // of config.plugin_lines; kNone: it is not ours
  bool used = false;
};

struct Reader {
  BrokerConfig config;
  std::vector<LoadedPlugin> plugins;  // of all files
  int current = kNone;  // of these, whose the next plugin_opt_ line is: each file has its own
  int default_listener = kNone;  // of config.listeners: that of port and bind_address

  absl::Status ReadFile(const std::string& path, int depth);
  void Include(const std::string& folder, const std::string& where, int depth);
  void ReadLine(absl::string_view line, const std::string& where, int depth);
  void Listen(absl::string_view key, absl::string_view value, const std::string& where);
  void Load(absl::string_view keyword, absl::string_view value, const std::string& where);
  void Use(absl::string_view name, const std::string& where);
  void GiveOption(OptionLine option);
  void CheckUsed();
};

bool LoadsPlugin(absl::string_view key) {
  return key == "plugin" || key == "global_plugin" || key == "auth_plugin" || key == "plugin_load";
}

// `value`: from behind the first blank on, with all others. 2.0 takes blanks away at both ends.
void Reader::Load(absl::string_view keyword, absl::string_view value, const std::string& where) {
  LoadedPlugin plugin;
  plugin.where = where;
  if (keyword == "plugin_load") {  // has a name before the path
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    plugin.name = std::string(value.substr(0, value.find(' ')));
    value.remove_prefix(std::min(plugin.name.size() + 1, value.size()));
  }
  const absl::string_view path = absl::StripAsciiWhitespace(value);
  if (path.size() != value.size()) {
    config.refused_lines.push_back(
        {where,
         "a blank before or behind the path of the plugin: to Mosquitto 2.1 it is a part of it",
         "leave one blank before the path and none behind it; 2.1 would not start",
         keyword == "plugin" || keyword == "auth_plugin"});
  }
  if (absl::EndsWith(path, kPluginFileName)) {
    plugin.line = static_cast<int>(config.plugin_lines.size());
    config.plugin_lines.push_back({where, std::string(path), {}, std::string(keyword)});
  } else {
    config.authenticates = true;
  }
  current = static_cast<int>(plugins.size());
  plugins.push_back(std::move(plugin));
}

void Reader::Use(absl::string_view name, const std::string& where) {
  const auto found = std::find_if(plugins.begin(), plugins.end(),
                                  [name](const LoadedPlugin& p) { return p.name == name; });
  if (name.empty() || found == plugins.end()) {
    config.refused_lines.push_back(
        {where, absl::StrCat("plugin_use ", name, ": no line above it is plugin_load ", name, " …"),
         "load it first, or correct the name; the broker would not start"});
    return;
  }
  found->used = true;
  current = static_cast<int>(found - plugins.begin());
}

void Reader::GiveOption(OptionLine option) {
  if (current == kNone) return config.orphans.push_back(std::move(option));
  const int line = plugins[static_cast<size_t>(current)].line;
  if (line == kNone) return;
  config.plugin_lines[static_cast<size_t>(line)].options.push_back(std::move(option));
}

// What was loaded and never used.
void Reader::CheckUsed() {
  for (const LoadedPlugin& plugin : plugins) {
    if (plugin.name.empty() || plugin.used) continue;
    config.refused_lines.push_back(
        {plugin.where, absl::StrCat("plugin_load ", plugin.name, ": no plugin_use ", plugin.name),
         absl::StrCat("add \"plugin_use ", plugin.name,
                      "\" below each listener that it is for, or load it for all with "
                      "global_plugin; the broker would end at its start, without a message")});
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

void Reader::ReadLine(absl::string_view line, const std::string& where, int depth) {
  // At a tab as well, which has been complained of: what else is wrong shows all the same.
  const size_t space = std::min(line.find_first_of(kBlanks), line.size());
  const absl::string_view key = line.substr(0, space);
  const absl::string_view behind = line.substr(std::min(space + 1, line.size()));
  const absl::string_view value = absl::StripAsciiWhitespace(behind);
  if (LoadsPlugin(key)) {
    Load(key, behind, where);
  } else if (key == "plugin_use") {
    Use(value, where);
  } else if (absl::ConsumePrefix(&line, "plugin_opt_") || absl::ConsumePrefix(&line, "auth_opt_")) {
    GiveOption(
        {std::string(line.substr(0, line.find_first_of(kBlanks))), std::string(value), where});
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
    Include(std::string(value), where, depth);
  }
}

// What cannot be read is noted: the rest counts all the same.
void Reader::Include(const std::string& folder, const std::string& where, int depth) {
  if (depth > 0) {
    config.refused_lines.push_back(
        {where, "include_dir in an included file: Mosquitto 2.0 passes over it",
         "move it to the main file; Mosquitto 2.1 would not start", true});
    return;
  }
  const auto note = [&](const std::string& what, bool hidden) {
    config.refused_lines.push_back(
        {where, what,
         hidden ? "run as root to have it read"
                : "the broker would not start: put it there, or correct the line",
         false, hidden});
  };
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".conf") files.push_back(entry.path().string());
  }
  if (error) {
    return note(absl::StrCat("include_dir ", folder, ": ", error.message()),
                error == std::errc::permission_denied);
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    const absl::Status read = ReadFile(file, depth + 1);
    if (!read.ok()) note(std::string(read.message()), absl::IsPermissionDenied(read));
  }
}

absl::Status Reader::ReadFile(const std::string& path, int depth) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {  // opens, and reads as if it were empty
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder; name a file in it"));
  }
  std::ifstream in(path);
  if (!in) {
    const bool hidden = errno == EACCES;
    const std::string why = absl::StrCat(path, ": ", std::strerror(errno));
    return hidden ? absl::PermissionDeniedError(why) : absl::NotFoundError(why);
  }
  const int includers = std::exchange(current, kNone);
  int number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    const std::string where = absl::StrCat(path, ":", number);
    if (const absl::string_view why = Complaint(text); !why.empty()) {
      config.refused_lines.push_back(
          {where, std::string(why),
           "write blanks instead of tabs, and # in a line's first place; the broker would not "
           "start"});
    }
    text.erase(text.find_last_not_of('\r') + 1);
    const absl::string_view line = absl::StripLeadingAsciiWhitespace(text);
    if (!line.empty() && line[0] != '#') ReadLine(line, where, depth);
  }
  current = includers;
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
  reader.CheckUsed();
  std::vector<BrokerListener>& all = reader.config.listeners;
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& l) { return l.port == 0; }),
            all.end());
  return std::move(reader.config);
}

}  // namespace session_status::cli
