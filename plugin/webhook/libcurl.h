// libcurl, loaded when a webhook is configured and not before: with the two dozen libraries behind
// it, it would cost every other broker some 3 MB.
//
// Threads:   Load: one at a time. The functions: as libcurl says.
// Ownership: the library stays loaded once it is; copies are cheap.
// Errors:    FailedPrecondition, naming what to install.
#ifndef SESSION_STATUS_PLUGIN_WEBHOOK_LIBCURL_H_
#define SESSION_STATUS_PLUGIN_WEBHOOK_LIBCURL_H_

#include <curl/curl.h>

#include "absl/status/statusor.h"

namespace session_status::webhook {

struct Libcurl {
  static absl::StatusOr<Libcurl> Load();

  decltype(&::curl_global_init) global_init;
  decltype(&::curl_url) url;
  decltype(&::curl_url_set) url_set;
  decltype(&::curl_url_get) url_get;
  decltype(&::curl_url_cleanup) url_cleanup;
  decltype(&::curl_free) free;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_multi_cleanup) multi_cleanup;
};

}  // namespace session_status::webhook

#endif  // SESSION_STATUS_PLUGIN_WEBHOOK_LIBCURL_H_
