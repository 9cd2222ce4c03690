// The API in OpenAPI 3.0, served at /openapi.json. The page's forms, documentation and generated
// code come from it and from nothing else.
//
// The documented API names its operation by a parameter, and OpenAPI tells operations apart by
// path, so those paths carry the operation behind a '#', which no client sends:
// "/#Action=QuerySessionByClientId". The admin service has ordinary paths.
//
// Extensions: x-surface ("openapi", "admin") on every operation; x-api-versions; x-errors, once:
// code, HTTP status, message and what to do about it. A code of the admin service has one element
// for each status that it comes with.
//
// What others define (limits, versions, codes, paths) is told by them; here are words.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_WEB_API_DESCRIPTION_H_
#define SESSION_STATUS_PLUGIN_WEB_API_DESCRIPTION_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status::web {

// One error as its surface defines it.
struct ErrorFact {
  absl::string_view code;  // as on the wire; may hold %s for a parameter's name
  int http_status = 0;
  absl::string_view message;
};

struct ApiFacts {
  absl::string_view version;      // of the plugin
  absl::string_view instance_id;  // offered by the form; empty: the form offers none
  // Of the documented API.
  absl::Span<const absl::string_view> api_versions;  // not empty; the form offers the first
  size_t batch_ids_max = 0;
  absl::Span<const ErrorFact> errors;
  // Of the admin service.
  absl::string_view service_path;  // a method's name follows it
  size_t service_batch_ids_max = 0;
};

std::string DescribeApi(const ApiFacts& facts);

// What a caller can do about an error of the documented API; empty when nothing is written about
// it.
absl::string_view RemedyFor(absl::string_view code);

}  // namespace session_status::web

#endif  // SESSION_STATUS_PLUGIN_WEB_API_DESCRIPTION_H_
