#include "plugin/openapi/call_marks.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "plugin/http/query_string.h"
#include "plugin/openapi/known_headers.h"
#include "plugin/openapi/known_parameters.h"

namespace session_status::openapi {
namespace {

constexpr Known kParameters[] = {Known::kAction, Known::kSignature, Known::kAccessKeyId};
constexpr KnownHeader kHeaders[] = {KnownHeader::kAction, KnownHeader::kVersion};

bool IsMark(absl::string_view parameter) {
  const size_t equals = parameter.find('=');
  if (equals == absl::string_view::npos) return false;
  const absl::string_view name = parameter.substr(0, equals);
  return std::any_of(std::begin(kParameters), std::end(kParameters),
                     [name](Known known) { return name == NameOf(known); });
}

bool HasMark(absl::string_view parameters) {
  for (const absl::string_view parameter : absl::StrSplit(parameters, '&')) {
    if (IsMark(parameter)) return true;
  }
  return false;
}

bool IsMark(const http::Header& header) {
  if (http::SameHeaderName(header.name, NameOf(KnownHeader::kAuthorization))) {
    return absl::StartsWithIgnoreCase(http::Trimmed(header.value), "ACS");
  }
  return std::any_of(std::begin(kHeaders), std::end(kHeaders), [&header](KnownHeader known) {
    return http::SameHeaderName(header.name, NameOf(known));
  });
}

}  // namespace

bool HasCallMark(const http::Request& request) {
  if (HasMark(request.query)) return true;
  for (const http::Header& header : request.headers) {
    if (IsMark(header)) return true;
  }
  if (request.body.empty()) return false;
  const http::Header* type = request.FindHeader(NameOf(KnownHeader::kContentType));
  return type != nullptr && http::IsForm(type->value) && HasMark(request.body);
}

}  // namespace session_status::openapi
