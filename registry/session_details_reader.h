// From the words in a slot to the public SessionDetails.
#ifndef SESSION_STATUS_REGISTRY_SESSION_DETAILS_READER_H_
#define SESSION_STATUS_REGISTRY_SESSION_DETAILS_READER_H_

#include "registry/session_table.h"

namespace session_status::registry {

// Copies what the slot shows into `*details`; the status is taken from `word`.
// Threads: any. A reader beside the writer must validate the copy by the slot's two versions.
void ReadDetails(const SessionTable& table, Slot slot, StatusWord word, SessionDetails* details);

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_DETAILS_READER_H_
