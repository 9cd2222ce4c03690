#include "plugin/auth/parameters.h"

#include <algorithm>

#include "plugin/auth/percent_coding.h"

namespace session_status::auth {
namespace {

bool ByName(const Parameter& a, const Parameter& b) { return a.name < b.name; }

}  // namespace

Parameters::Outcome Parameters::Read(absl::string_view query, absl::string_view form) {
  list_.clear();
  query_only_.clear();
  decoded_.clear();
  offending_ = {};
  decoded_.reserve(query.size() + form.size());  // decoding never grows
  form_present_ = !form.empty();

  Outcome outcome = ReadPairs(query);
  if (outcome != Outcome::kOk) return outcome;
  if (form_present_) {
    query_only_ = list_;
    std::sort(query_only_.begin(), query_only_.end(), ByName);
    outcome = ReadPairs(form);
    if (outcome != Outcome::kOk) return outcome;
  }
  std::sort(list_.begin(), list_.end(), ByName);
  const auto twice =
      std::adjacent_find(list_.begin(), list_.end(),
                         [](const Parameter& a, const Parameter& b) { return a.name == b.name; });
  if (twice != list_.end()) {
    offending_ = twice->name;
    return Outcome::kDuplicate;
  }
  return Outcome::kOk;
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

Parameters::Outcome Parameters::ReadPairs(absl::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const absl::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (list_.size() == count_max_) return Outcome::kTooMany;
    const size_t equals = std::min(pair.find('='), pair.size());
    Parameter parameter;
    if (!Decode(pair.substr(0, equals), &parameter.name)) return Outcome::kMalformed;
    offending_ = parameter.name;  // a broken value is blamed on its name
    const absl::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (!Decode(value, &parameter.value)) return Outcome::kMalformed;
    list_.push_back(parameter);
  }
  offending_ = {};
  return Outcome::kOk;
}

bool Parameters::Decode(absl::string_view raw, absl::string_view* decoded) {
  const bool plain =
      std::none_of(raw.begin(), raw.end(), [](char c) { return c == '%' || c == '+'; });
  if (plain) {
    *decoded = raw;
  } else {
    const size_t begin = decoded_.size();
    if (!AppendFormDecoded(raw, &decoded_)) return false;
    *decoded = absl::string_view(decoded_).substr(begin);
  }
  return IsValidUtf8(*decoded);
}

}  // namespace session_status::auth
