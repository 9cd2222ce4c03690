// Closes a client's connection because the client has connected to another broker.
//
// Threads: broker; never from a disconnect callback (it would recurse without end). The disconnect
//          events of the client come before the call returns.
// Errors:  none: a client that is gone is what was wanted.
#ifndef SESSION_STATUS_PLUGIN_BROKER_KICK_CLIENT_H_
#define SESSION_STATUS_PLUGIN_BROKER_KICK_CLIENT_H_

#include <string>

namespace session_status::broker {

// The client's will is not published: the client lives, and would be called dead.
void KickMovedClient(const std::string& client_id);

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_KICK_CLIENT_H_
