// Where the processes of a trial meet: sockets, addresses.
#ifndef ISOFLOP_TRAINER_RANK_MEETING_H_
#define ISOFLOP_TRAINER_RANK_MEETING_H_

#include <string>

namespace isoflop {

// A socket that listens at that address only. Throws Error(kFailed) when it is not this host's, and
// when the port is taken. Port 0: any that is free.
int listen_at(const std::string& address, int port);
int port_of(int listening_socket);

// This host's address on the way to `address`: 127.0.0.1 where that is this host's loopback.
std::string own_address_towards(const std::string& address, int port);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_RANK_MEETING_H_
