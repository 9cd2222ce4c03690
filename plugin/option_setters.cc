#include "plugin/option_setters.h"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace session_status {
namespace {

std::string Quoted(absl::string_view text) {
  constexpr size_t kShownBytesMax = 80;  // keeps a pasted file out of the log
  return absl::StrCat("\"", text.substr(0, kShownBytesMax), "\"");
}

absl::Status Wrong(absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is not ", expected));
}

// Whether its first MiB has the beginning of a certificate in PEM.
bool HoldsCertificate(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return false;  // a pipe would be waited for
  constexpr size_t kBytesMax = 1 << 20;
  std::string text(kBytesMax, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), kBytesMax);
  text.resize(static_cast<size_t>(file.gcount()));
  return absl::StrContains(text, "CERTIFICATE-----");
}

}  // namespace

absl::Status SetDuration(absl::string_view text, absl::Duration min, absl::Duration max,
                         absl::Duration* out) {
  absl::Duration value;
  if (!absl::ParseDuration(text, &value)) {
    return Wrong(text, "a duration; write it with its unit, for example 500ms, 1s or 1h30m");
  }
  if (value < min || value > max) {
    return Wrong(text, absl::StrCat("between ", absl::FormatDuration(min), " and ",
                                    absl::FormatDuration(max)));
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status SetInteger(absl::string_view text, int64_t min, int64_t max, int64_t* out) {
  int64_t value = 0;
  // SimpleAtoi alone would take blanks around the number.
  const bool digits = text.find_first_not_of("0123456789-") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(text, &value) || value < min || value > max) {
    return Wrong(text, absl::StrCat("a whole number between ", min, " and ", max));
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status SetBool(absl::string_view text, bool* out) {
  if (text != "true" && text != "false") return Wrong(text, "true or false");
  *out = text == "true";
  return absl::OkStatus();
}

absl::Status SetFileMode(absl::string_view text, mode_t* out) {
  const bool octal = text.size() >= 3 && text.size() <= 4 &&
                     text.find_first_not_of("01234567") == absl::string_view::npos;
  if (!octal || (text.size() == 4 && text[0] != '0')) {
    return Wrong(text, "an octal file mode, for example 0660");
  }
  mode_t mode = 0;
  for (char digit : text) mode = mode * 8 + static_cast<mode_t>(digit - '0');
  *out = mode;
  return absl::OkStatus();
}

absl::Status SetAbsolutePath(absl::string_view text, std::string* out) {
  if (text == "none") {
    out->clear();
    return absl::OkStatus();
  }
  if (text.empty() || text[0] != '/') {
    return Wrong(text, "an absolute path; the broker's working directory is not a safe base");
  }
  *out = std::string(text);
  return absl::OkStatus();
}

absl::Status SetDatabasePath(absl::string_view text, std::string* out) {
  std::string path;
  if (absl::Status s = SetAbsolutePath(text, &path); !s.ok()) return s;
  std::error_code failed;
  if (absl::EndsWith(path, "/") || std::filesystem::is_directory(path, failed)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " is a folder; name a file in it"));
  }
  *out = std::move(path);
  return absl::OkStatus();
}

absl::Status SetCaFile(absl::string_view text, std::string* out) {
  std::string path;
  if (absl::Status s = SetAbsolutePath(text, &path); !s.ok()) return s;
  if (!path.empty() && !HoldsCertificate(path)) {
    return Wrong(text, "a PEM file with a certificate that the broker's user may read");
  }
  *out = std::move(path);
  return absl::OkStatus();
}

absl::Status SetText(absl::string_view text, size_t bytes_max, std::string* out) {
  if (text.empty() || text.size() > bytes_max) {
    return Wrong(text, absl::StrCat("1 to ", bytes_max, " bytes long"));
  }
  *out = std::string(text);
  return absl::OkStatus();
}

absl::Status SetName(absl::string_view text, size_t bytes_max, std::string* out) {
  const bool good = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("._-", c);
  });
  if (!good) return Wrong(text, "made of letters, digits and ._- only");
  return SetText(text, bytes_max, out);
}

absl::Status NoSuchChoice(absl::string_view text, const std::vector<absl::string_view>& names) {
  return Wrong(text, absl::StrCat("one of: ", absl::StrJoin(names, ", ")));
}

absl::Status SetNameOrNone(absl::string_view text, std::string* out) {
  if (text == "none") {
    out->clear();
    return absl::OkStatus();
  }
  return SetText(text, 64, out);
}

absl::Status SetWebPage(absl::string_view text, std::string* out) {
  const bool is_web = absl::StartsWith(text, "http://") || absl::StartsWith(text, "https://");
  if (text != "none" && !is_web) {
    return Wrong(text, "the beginning of a web address, such as https://example.com/errors/");
  }
  if (text == "none") return SetNameOrNone(text, out);
  return SetText(text, 1024, out);
}

absl::Status SetWords(absl::string_view text, size_t words_max, std::vector<std::string>* out) {
  std::vector<std::string> words;
  if (text != "none") words = absl::StrSplit(text, absl::ByAnyChar(" ,\t"), absl::SkipEmpty());
  if (words.size() > words_max) {
    return Wrong(text, absl::StrCat("a list of at most ", words_max, " words"));
  }
  *out = std::move(words);
  return absl::OkStatus();
}

bool IsLoopbackAddress(absl::string_view address_and_port) {
  const std::string host(address_and_port.substr(0, address_and_port.rfind(':')));
  in_addr v4;
  return host == "[::1]" ||
         (inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}

absl::Status SetAddresses(absl::string_view text, size_t words_max, std::vector<std::string>* out) {
  std::vector<std::string> words;
  if (absl::Status s = SetWords(text, words_max, &words); !s.ok()) return s;
  for (const std::string& word : words) {
    const size_t colon = word.rfind(':');
    int32_t port = -1;
    const bool has_port =
        colon != std::string::npos && SetInteger(word.substr(colon + 1), 0, 65535, &port).ok();
    const std::string host = word.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    in6_addr address;
    const bool good =
        host == "*" || inet_pton(AF_INET, host.c_str(), &address) == 1 ||
        (bracketed && inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1);
    if (!has_port || !good) {
      return Wrong(word,
                   "an address with its port, for example 127.0.0.1:18080, [::1]:18080 or "
                   "*:18080");
    }
  }
  *out = std::move(words);
  return absl::OkStatus();
}

absl::Status SetSomeWords(absl::string_view text, size_t words_max, std::vector<std::string>* out) {
  std::vector<std::string> words;
  if (absl::Status s = SetWords(text, words_max, &words); !s.ok()) return s;
  if (words.empty() && text != "none") return Wrong(text, "none or a list of words");
  *out = std::move(words);
  return absl::OkStatus();
}

absl::Status SetCertificateNames(absl::string_view text, size_t words_max,
                                 std::vector<std::string>* out) {
  std::vector<std::string> words;
  if (absl::Status s = SetSomeWords(text, words_max, &words); !s.ok()) return s;
  for (const std::string& word : words) {
    if (word.front() == '.' || word.find('*') != std::string::npos) {
      return Wrong(word, "a name in full, without * and not beginning with a dot; list each name");
    }
  }
  *out = std::move(words);
  return absl::OkStatus();
}

absl::Status SetIds(absl::string_view text, size_t words_max, std::vector<uint32_t>* out) {
  std::vector<std::string> words;
  if (absl::Status s = SetSomeWords(text, words_max, &words); !s.ok()) return s;
  std::vector<uint32_t> ids;
  for (const std::string& word : words) {
    if (absl::Status s = SetInteger(word, 0, UINT32_MAX - 1, &ids.emplace_back()); !s.ok()) {
      return s;
    }
  }
  *out = std::move(ids);
  return absl::OkStatus();
}

absl::Status SetPortNames(absl::string_view text, size_t words_max,
                          std::vector<std::pair<uint16_t, std::string>>* out) {
  constexpr size_t kPortNameBytesMax = 128;  // a longer instance id cannot be asked for
  std::vector<std::string> words;
  if (absl::Status s = SetWords(text, words_max, &words); !s.ok()) return s;
  std::vector<std::pair<uint16_t, std::string>> pairs;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    auto& [port, name] = pairs.emplace_back();
    const bool good = equals != std::string::npos && equals + 1 < word.size() &&
                      word.size() - equals - 1 <= kPortNameBytesMax &&
                      SetInteger(word.substr(0, equals), 1, 65535, &port).ok();
    if (!good) {
      return Wrong(word, absl::StrCat("a port and a name of at most ", kPortNameBytesMax,
                                      " bytes, for example 1884=post-cn-b"));
    }
    name = word.substr(equals + 1);
    const bool again =
        std::any_of(pairs.begin(), pairs.end() - 1, [p = port](auto& x) { return x.first == p; });
    if (again) return Wrong(word, absl::StrCat("the only word for port ", port));
  }
  *out = std::move(pairs);
  return absl::OkStatus();
}

}  // namespace session_status
