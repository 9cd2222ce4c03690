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
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// Mosquitto's own limit on included folders is depth too; nobody nests them.
constexpr int kDepthMax = 10;

struct Reader {
  BrokerConfig config;
  std::vector<PluginLine> lines;
  bool any = false;   // a line that loads a plugin has come
  bool ours = false;  // the plugin that plugin_opt_ lines belong to now

  absl::Status ReadFile(const std::string& path, int depth);
  absl::Status ReadFolder(const std::string& path, int depth);
  absl::Status ReadLine(absl::string_view line, const std::string& where, int depth);
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

absl::Status Reader::ReadLine(absl::string_view line, const std::string& where, int depth) {
  const size_t space = line.find_first_of(" \t");
  const absl::string_view key = line.substr(0, space);
  absl::string_view value =
      space == absl::string_view::npos ? "" : absl::StripAsciiWhitespace(line.substr(space));
  if (LoadsPlugin(key)) {
    // plugin_load has a name before the path.
    if (key == "plugin_load") value = value.substr(value.find_last_of(" \t") + 1);
    Load(key, value, where);
  } else if (absl::ConsumePrefix(&line, "plugin_opt_") || absl::ConsumePrefix(&line, "auth_opt_")) {
    OptionLine option{std::string(line.substr(0, line.find_first_of(" \t"))), std::string(value),
                      where};
    if (ours) {
      lines.back().options.push_back(std::move(option));
    } else if (!any) {
      config.orphans.push_back(std::move(option));
    }
  } else if (key == "per_listener_settings") {
    config.per_listener_settings = value == "true" ? where : "";
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
  return std::move(reader.config);
}

}  // namespace session_status::cli
