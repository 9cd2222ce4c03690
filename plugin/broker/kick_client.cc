#include "plugin/broker/kick_client.h"

#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {

void KickMovedClient(const std::string& client_id) {
  mosquitto_kick_client_by_clientid(client_id.c_str(), /*with_will=*/false);
}

}  // namespace session_status::broker
