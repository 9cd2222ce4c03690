#include "cli/id_input.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/strip.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::cli {
namespace {

// What Windows' editors put before UTF-8 text; as a part of the first identifier nobody would see it.
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Returns the number of the first line that is not UTF-8, which no identifier of MQTT is; 0: none.
size_t ReadLines(std::istream& in, std::vector<std::string>* ids) {
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    if (++number == 1) line = std::string(absl::StripPrefix(line, kByteOrderMark));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!auth::IsValidUtf8(line)) return number;
    if (!line.empty()) ids->push_back(std::move(line));
  }
  return 0;
}

// Opening a folder succeeds; reading it does not.
bool IsFolder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

std::string IdSource(const std::string& file) { return file == "-" ? "standard input" : file; }

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
  const size_t wrong = ReadLines(is_stdin ? std::cin : in, ids);
  if (wrong == 0) return true;
  std::cerr << "mosquitto_session: " << IdSource(file) << ", line " << wrong << ": not UTF-8\n";
  context->exit_code = kExitRefused;
  return false;
}

}  // namespace session_status::cli
