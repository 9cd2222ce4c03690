#include "plugin/auth/parameters.h"

#include <algorithm>
#include <array>

#include "plugin/auth/percent_coding.h"

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
    } else if (!IsUnreserved(static_cast<char>(c))) {
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

// From `begin` to the first byte of a class in `stop`, or to `end`.
Parameters::Piece Parameters::Scan(const char* begin, const char* end, uint8_t stop) {
  Piece piece;
  const char* at = begin;
  const auto class_at = [](const char* byte) { return kClasses[static_cast<uint8_t>(*byte)]; };
  for (;;) {
    // By four while they stand for themselves, as nearly all do.
    while (end - at >= 4 &&
           (class_at(at) | class_at(at + 1) | class_at(at + 2) | class_at(at + 3)) == 0) {
      at += 4;
    }
    if (at == end || (class_at(at) & stop) != 0) break;
    piece.classes |= class_at(at++);
  }
  piece.raw = absl::string_view(begin, static_cast<size_t>(at - begin));
  return piece;
}

Parameters::Outcome Parameters::ReadPairs(absl::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at == '&') {
      ++at;
      continue;
    }
    if (list_.size() == count_max_) return Outcome::kTooMany;
    const char* const begin = at;
    const Piece name = Scan(at, end, kEquals | kAmpersand);
    at += name.raw.size();
    const bool has_value = at != end && *at == '=';
    if (has_value) ++at;
    const Piece value = has_value ? Scan(at, end, kAmpersand) : Piece{absl::string_view(at, 0), 0};
    at += value.raw.size();

    Parameter parameter;
    bool canonical = has_value;
    if (!Decode(name, &parameter.name, &canonical)) return Outcome::kMalformed;
    offending_ = parameter.name;  // a broken value is blamed on its name
    if (!Decode(value, &parameter.value, &canonical)) return Outcome::kMalformed;
    if (canonical) parameter.canonical = absl::string_view(begin, static_cast<size_t>(at - begin));
    list_.push_back(parameter);
  }
  offending_ = {};
  return Outcome::kOk;
}

// Clears `*canonical` when encoding the result would give another text than the piece's.
bool Parameters::Decode(const Piece& piece, absl::string_view* decoded, bool* canonical) {
  if (piece.classes == 0) {
    *decoded = piece.raw;
    return true;
  }
  if ((piece.classes & ~kPercent) != 0) *canonical = false;
  if ((piece.classes & (kPercent | kPlus)) == 0) {
    *decoded = piece.raw;
    return (piece.classes & kHigh) == 0 || IsValidUtf8(*decoded);
  }
  char* const begin = &decoded_[decoded_bytes_];
  char* out = begin;
  if (!FormDecode(piece.raw, &out, canonical)) return false;
  *decoded = absl::string_view(begin, static_cast<size_t>(out - begin));
  decoded_bytes_ += decoded->size();
  return IsValidUtf8(*decoded);
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
    const Parameter parameter = (*list)[i];
    size_t place = i;
    for (; place > 0; --place) {
      const int order = (*list)[place - 1].name.compare(parameter.name);
      if (order < 0) break;
      if (order == 0) {
        offending_ = parameter.name;
        return Outcome::kDuplicate;
      }
      (*list)[place] = (*list)[place - 1];
    }
    if (place != i) (*list)[place] = parameter;
  }
  return Outcome::kOk;
}

}  // namespace session_status::auth
