// Request identifiers: random UUIDs, upper case, as the documented API writes them.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_

#include <string>

namespace session_status::openapi {

// "63309FDB-ED6C-46AE-B31C-A172FBA00001": version 4, from OpenSSL's generator. Any thread.
std::string NewRequestId();

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_
