#include "cli/id_input.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace session_status::cli {
namespace {

void ReadLines(std::istream& in, std::vector<std::string>* ids) {
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) ids->push_back(line);
  }
}

// Opening a folder succeeds; reading it does not.
bool IsFolder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

bool ReadIds(const std::string& file, std::vector<std::string>* ids, Context* context) {
  if (file.empty()) return true;
  if (file == "-") {
    ReadLines(std::cin, ids);
    return true;
  }
  std::ifstream in(file);
  if (!in || IsFolder(file)) {
    std::cerr << "mosquitto_session: cannot read " << file << ": "
              << (in ? "it is a folder" : std::strerror(errno)) << "\n";
    context->exit_code = kExitUsage;
    return false;
  }
  ReadLines(in, ids);
  return true;
}

}  // namespace session_status::cli
