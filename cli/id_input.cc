#include "cli/id_input.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/text/utf8.h"

namespace session_status::cli {
namespace {

// What Windows' editors put before UTF-8 text; as a part of the first identifier nobody would see
// it.
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Of a string in MQTT, whose length has two bytes.
constexpr size_t kIdBytesMax = 65'535;

// Returns what is wrong with the first line that can be no identifier of MQTT; empty: nothing.
std::string ReadLines(std::istream& in, std::vector<std::string>* ids) {
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    if (++number == 1) line = std::string(absl::StripPrefix(line, kByteOrderMark));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!text::IsValidUtf8(line)) return absl::StrCat("line ", number, ": not UTF-8");
    if (line.size() > kIdBytesMax) {
      return absl::StrCat("line ", number, ": ", line.size(), " bytes; MQTT allows at most ",
                          kIdBytesMax);
    }
    if (!line.empty()) ids->push_back(std::move(line));
  }
  return "";
}

// Opening a folder succeeds; reading it does not.
bool IsFolder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

bool ReadIds(const std::string& file, std::vector<std::string>* ids, Context* context) {
  if (file.empty()) return true;
  const bool is_stdin = file == "-";
  std::ifstream in;
  if (!is_stdin) in.open(file);
  if (!is_stdin && (!in || IsFolder(file))) {
    std::cerr << "mosquitto_session: cannot read " << file << ": "
              << (in ? "it is a folder" : std::strerror(errno)) << "\n";
    context->exit_code = kExitRefused;
    return false;
  }
  const std::string source = is_stdin ? "standard input" : file;
  const std::string wrong = ReadLines(is_stdin ? std::cin : in, ids);
  if (!wrong.empty()) {
    std::cerr << "mosquitto_session: " << source << ", " << wrong << "\n";
    context->exit_code = kExitRefused;
    return false;
  }
  if (ids->empty()) throw CLI::ValidationError("--file", source + " holds no identifier");
  return true;
}

}  // namespace session_status::cli
