// Room for the broker's connections in the process's table of descriptors, made ahead.
//
// Linux doubles that table when a descriptor does not fit: at 256, 512, … connections. In a process
// with one thread that costs nothing; with threads, ours, accept() then waits until every processor
// has passed a grace period of RCU (expand_fdtable() in fs/file.c): 5 to 20 ms in which the broker
// serves nobody. So the table is made large before the first thread begins.
//
// Threads: broker, before any thread of ours.
// Errors:  none; where the system refuses, the table grows as it would have.
#ifndef SESSION_STATUS_PLUGIN_OS_DESCRIPTOR_TABLE_H_
#define SESSION_STATUS_PLUGIN_OS_DESCRIPTOR_TABLE_H_

namespace session_status::os {

// 1 MiB of the kernel's memory, or as much as the process's limit of descriptors needs. Beyond,
// doublings are rare: three more make it a million.
inline constexpr int kDescriptorsAhead = 1 << 17;

void GrowDescriptorTable() noexcept;

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_DESCRIPTOR_TABLE_H_
