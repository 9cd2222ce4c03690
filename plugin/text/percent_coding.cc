#include "plugin/text/percent_coding.h"

#include <array>
#include <cstdint>

namespace session_status::text {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

// What one byte becomes: at most "%25XX".
struct Escape {
  char text[5] = {};
  uint8_t size = 0;
};

constexpr std::array<Escape, 256> MakeEscapes(bool twice) {
  std::array<Escape, 256> table{};
  for (int c = 0; c < 256; ++c) {
    Escape& escape = table[static_cast<size_t>(c)];
    if (c < 0x80 && IsUnreserved(static_cast<char>(c))) {
      escape.text[escape.size++] = static_cast<char>(c);
      continue;
    }
    escape.text[escape.size++] = '%';
    if (twice) {
      escape.text[escape.size++] = '2';
      escape.text[escape.size++] = '5';
    }
    escape.text[escape.size++] = kHex[c >> 4];
    escape.text[escape.size++] = kHex[c & 15];
  }
  return table;
}

constexpr std::array<int8_t, 256> MakeHexValues() {
  std::array<int8_t, 256> table{};
  for (int8_t& value : table) value = -1;
  for (int8_t i = 0; i < 10; ++i) table[static_cast<size_t>('0' + i)] = i;
  for (int8_t i = 0; i < 6; ++i) {
    table[static_cast<size_t>('A' + i)] = static_cast<int8_t>(10 + i);
    table[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
  }
  return table;
}

constexpr std::array<Escape, 256> kOnce = MakeEscapes(false);
constexpr std::array<Escape, 256> kTwice = MakeEscapes(true);
constexpr std::array<int8_t, 256> kHexValues = MakeHexValues();

void AddEscaped(const std::array<Escape, 256>& table, absl::string_view text, TextRoom* out) {
  // Runs of unreserved bytes are the rule: copied as runs.
  size_t run = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const Escape& escape = table[static_cast<uint8_t>(text[i])];
    if (escape.size == 1) continue;
    out->Add(text.substr(run, i - run));
    out->Add({escape.text, escape.size});
    run = i + 1;
  }
  out->Add(text.substr(run));
}

}  // namespace

void AddPercentEncoded(absl::string_view text, TextRoom* out) { AddEscaped(kOnce, text, out); }

void AddTwicePercentEncoded(absl::string_view text, TextRoom* out) {
  AddEscaped(kTwice, text, out);
}

void AppendPercentEncoded(absl::string_view text, std::string* out) {
  TextRoom room(kEscapedBytesMax * text.size(), out);
  AddPercentEncoded(text, &room);
}

bool FormDecode(absl::string_view text, char** out, bool* canonical) {
  char* to = *out;
  const char* from = text.data();
  const char* const end = from + text.size();
  while (from != end) {
    if (*from == '+') {
      *canonical = false;
      *to++ = ' ';
      ++from;
    } else if (*from != '%') {
      *to++ = *from++;
    } else {
      if (end - from < 3) return false;
      const int high = kHexValues[static_cast<uint8_t>(from[1])];
      const int low = kHexValues[static_cast<uint8_t>(from[2])];
      if (high < 0 || low < 0) return false;
      const char byte = static_cast<char>(high * 16 + low);
      if (from[1] >= 'a' || from[2] >= 'a' || IsUnreserved(byte)) *canonical = false;
      *to++ = byte;
      from += 3;
    }
  }
  *out = to;
  return true;
}

bool AppendFormDecoded(absl::string_view text, std::string* out) {
  const size_t size = out->size();
  out->resize(size + text.size());
  char* end = &(*out)[size];
  bool canonical = true;
  const bool good = FormDecode(text, &end, &canonical);
  out->resize(static_cast<size_t>(end - out->data()));
  return good;
}

}  // namespace session_status::text
