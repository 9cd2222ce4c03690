#include "plugin/auth/parameters.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "plugin/http/bytes16.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/utf8.h"

namespace session_status::auth {
namespace {

// What a byte means to a reader of pairs. Unreserved bytes have no class: they stand for themselves
// in every spelling.
enum ByteClass : uint8_t {
  kPercent = 1,
  kPlus = 2,
  kOther = 4,  // ASCII that percent-encoding would not leave as it is
  kHigh = 8,   // beyond ASCII
  kEquals = 16,
  kAmpersand = 32,
};

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    uint8_t& entry = classes[static_cast<size_t>(c)];
    if (c >= 0x80) {
      entry = kHigh;
    } else if (!text::IsUnreserved(static_cast<char>(c))) {
      entry = kOther;
    }
  }
  classes['%'] = kPercent;
  classes['+'] = kPlus;
  classes['='] = kEquals;
  classes['&'] = kAmpersand;
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

// 0 where the byte is unreserved: what kClasses says about that, for sixteen at once.
http::Bytes16 MarksOf(http::Bytes16 c) {
  const http::Bytes16 letter = (c | 0x20) - 'a' < 26;
  const http::Bytes16 digit = c - '0' < 10;
  return ~(letter | digit | (c == '-') | (c == '_') | (c == '.') | (c == '~'));
}

}  // namespace

Parameters::Outcome Parameters::Read(absl::string_view query, absl::string_view form) {
  list_.clear();
  query_only_.clear();
  offending_ = {};
  // Decoding never grows.
  if (decoded_.size() < query.size() + form.size()) decoded_.resize(query.size() + form.size());
  decoded_bytes_ = 0;
  form_present_ = !form.empty();

  Outcome outcome = ReadPairs(query);
  if (outcome != Outcome::kOk) return outcome;
  if (form_present_) {
    query_only_ = list_;
    outcome = ReadPairs(form);
    if (outcome != Outcome::kOk) return outcome;
    // What is wrong with it is found in the list of all.
    Sort(&query_only_);
  }
  return Sort(&list_);
}

absl::Span<const Parameter> Parameters::sorted_query() const {
  return form_present_ ? absl::MakeConstSpan(query_only_) : absl::MakeConstSpan(list_);
}

const absl::string_view* Parameters::Find(absl::string_view name) const {
  const auto found = std::lower_bound(
      list_.begin(), list_.end(), name,
      [](const Parameter& a, absl::string_view wanted) { return a.name < wanted; });
  return found != list_.end() && found->name == name ? &found->value : nullptr;
}

// Fills marks_[i] with 0 where text[i] is unreserved, as nearly every byte is, so that Scan() finds
// the others in steps of eight. The end is marked as well.
void Parameters::Mark(absl::string_view text) {
  constexpr size_t kStep = sizeof(http::Bytes16);
  const size_t last = text.size() / kStep * kStep;
  if (marks_.size() < last + 2 * kStep) marks_.resize(last + 2 * kStep);
  char rest[kStep] = {};  // its zeros, behind the end, are marked like any other strange byte
  std::copy(text.begin() + static_cast<ptrdiff_t>(last), text.end(), rest);
  for (size_t at = 0; at <= last; at += kStep) {
    const http::Bytes16 marks = MarksOf(http::LoadBytes16(at == last ? rest : text.data() + at));
    std::memcpy(&marks_[at], &marks, kStep);
  }
}

// From `begin` to the first byte of a class in `stop`, or to the end of the text: where that is.
// Adds to `*classes` those of the bytes before it.
inline const char* Parameters::Scan(const char* begin, absl::string_view text, uint8_t stop,
                                    uint8_t* classes) const {
  const char* const end = text.data() + text.size();
  const uint8_t* mark = marks_.data() + (begin - text.data());
  for (const char* at = begin;; ++at, ++mark) {
    uint64_t eight;
    for (;; at += sizeof(eight), mark += sizeof(eight)) {
      std::memcpy(&eight, mark, sizeof(eight));
      if (eight != 0) break;
    }
    const size_t unreserved = http::FirstByte(eight);
    at += unreserved;
    mark += unreserved;
    if (at == end) return at;
    const uint8_t byte_class = kClasses[static_cast<uint8_t>(*at)];
    if ((byte_class & stop) != 0) return at;
    *classes |= byte_class;
  }
}

Parameters::Outcome Parameters::ReadPairs(absl::string_view text) {
  Mark(text);
  const auto piece = [](const char* begin, const char* end) {
    return absl::string_view(begin, static_cast<size_t>(end - begin));
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at == '&') {
      ++at;
      continue;
    }
    if (list_.size() == count_max_) return Outcome::kTooMany;
    uint8_t name_classes = 0;
    uint8_t value_classes = 0;
    const char* const begin = at;
    at = Scan(at, text, kEquals | kAmpersand, &name_classes);
    const char* const name_end = at;
    bool canonical = at != end && *at == '=';
    if (canonical) at = Scan(++at, text, kAmpersand, &value_classes);

    Parameter& parameter = list_.emplace_back();
    parameter.name = piece(begin, name_end);
    parameter.value = piece(name_end + (canonical ? 1 : 0), at);
    if (name_classes != 0 && !Decode(name_classes, &parameter.name, &canonical)) {
      return Outcome::kMalformed;
    }
    if (value_classes != 0 && !Decode(value_classes, &parameter.value, &canonical)) {
      offending_ = parameter.name;  // a broken value is blamed on its name
      return Outcome::kMalformed;
    }
    if (canonical) parameter.canonical = piece(begin, at);
  }
  return Outcome::kOk;
}

// Replaces `*text`, which has bytes of `classes`, by what it means. Clears `*canonical` when
// encoding that would give another text.
bool Parameters::Decode(uint8_t classes, absl::string_view* text, bool* canonical) {
  if ((classes & ~kPercent) != 0) *canonical = false;
  if ((classes & (kPercent | kPlus)) == 0)
    return (classes & kHigh) == 0 || text::IsValidUtf8(*text);
  char* const begin = &decoded_[decoded_bytes_];
  char* out = begin;
  if (!text::FormDecode(*text, &out, canonical)) return false;
  *text = absl::string_view(begin, static_cast<size_t>(out - begin));
  decoded_bytes_ += text->size();
  return text::IsValidUtf8(*text);
}

// By insertion: the rule is a list that is sorted but for one pair at its end. Long lists, which no
// SDK sends, are sorted first: insertion alone would take a square of their length.
Parameters::Outcome Parameters::Sort(std::vector<Parameter>* list) {
  constexpr size_t kInsertedMax = 64;
  if (list->size() > kInsertedMax) {
    std::sort(list->begin(), list->end(),
              [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  }
  for (size_t i = 1; i < list->size(); ++i) {
    const absl::string_view name = (*list)[i].name;
    size_t place = i;
    int order = 1;
    while (place > 0 && (order = (*list)[place - 1].name.compare(name)) > 0) --place;
    if (order == 0) {
      offending_ = name;
      return Outcome::kDuplicate;
    }
    const auto at = list->begin() + static_cast<ptrdiff_t>(place);
    if (place != i)
      std::rotate(at, list->begin() + static_cast<ptrdiff_t>(i),
                  list->begin() + static_cast<ptrdiff_t>(i) + 1);
  }
  return Outcome::kOk;
}

}  // namespace session_status::auth
