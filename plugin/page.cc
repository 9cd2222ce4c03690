#include "plugin/page.h"

#include <vector>

#include "plugin/api/connect_surface.h"
#include "plugin/api/service.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/call_marks.h"
#include "plugin/openapi/operation.h"
#include "plugin/version.h"

namespace session_status {
namespace {

// The errors of the documented API as its description tells them.
std::vector<web::ErrorFact> DocumentedErrors() {
  std::vector<web::ErrorFact> facts;
  for (const openapi::ErrorRow& row : openapi::ErrorTable()) {
    facts.push_back({row.name, row.http_status, row.message});
  }
  return facts;
}

}  // namespace

Page::Page(const std::string& instance_id, size_t batch_ids_max, http::Handler& api)
    : api_(api),
      surface_({kVersion, instance_id, openapi::VersionTable(), batch_ids_max, DocumentedErrors(),
                api::ConnectSurface::kPathPrefix, api::kBatchIdsMax}),
      root_(surface_, api, openapi::HasCallMark) {}

void Page::AddRoutes(http::Router* router) {
  // For anyone: the page is constant and shows nothing by itself, the API checks signatures.
  constexpr auto kAnyone = http::Router::Audience::kAnyone;
  router->Add(http::Router::Match::kExact, web::WebSurface::kDescriptionPath, &surface_, kAnyone);
  router->Add(http::Router::Match::kPrefix, web::WebSurface::kAssetPrefix, &surface_, kAnyone);
  router->Add(http::Router::Match::kExact, web::WebSurface::kPagePath, &root_, kAnyone);
  router->SetFallback(openapi::HasCallMark, &api_);
}

}  // namespace session_status
