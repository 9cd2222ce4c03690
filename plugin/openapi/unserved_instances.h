// What an access file promises and this server cannot keep: instances that an account owns and no
// client here can be in. Whoever asks for one is answered InstancePermissionCheckFailed, and
// nothing tells him that it is the server's instance_id.
//
// Threads: any; a pure function.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_UNSERVED_INSTANCES_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_UNSERVED_INSTANCES_H_

#include <string>

#include "plugin/auth/access_file.h"
#include "plugin/openapi/instance_map.h"

namespace session_status::openapi {

// One line for the log, with the first few and how many more there are; empty: all are served.
std::string UnservedInstances(const auth::AccessFile& file, const InstanceMap& instances);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_UNSERVED_INSTANCES_H_
