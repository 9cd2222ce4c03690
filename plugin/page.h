// The page and the description of the API, built and routed in one place. "/" is shared with the
// documented API (plugin/web/root_surface.h), which is also told what its callers sent elsewhere.
//
// Threads:   construction, AddRoutes: broker.
// Ownership: `api` outlives the page; the listener, whose threads ask it, is destroyed before.
#ifndef SESSION_STATUS_PLUGIN_PAGE_H_
#define SESSION_STATUS_PLUGIN_PAGE_H_

#include <cstddef>
#include <string>

#include "plugin/http/router.h"
#include "plugin/web/root_surface.h"
#include "plugin/web/web_surface.h"

namespace session_status {

class Page {
 public:
  // `api`: who answers at "/" what is not for the page; `batch_ids_max`: of that one.
  Page(const std::string& instance_id, size_t batch_ids_max, http::Handler& api);

  void AddRoutes(http::Router* router);

 private:
  http::Handler& api_;
  web::WebSurface surface_;
  web::RootSurface root_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_PAGE_H_
