#include "trainer/rank_meeting.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "trainer/rank_place.h"

namespace isoflop {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string meeting_place(const std::string& address, int port) {
  return "several processes: " + address + ":" + std::to_string(port);
}

Addresses resolve(const std::string& address, int port, int type) {
  addrinfo hints{};
  hints.ai_socktype = type;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error == 0) return {found, &::freeaddrinfo};
  throw failure(meeting_place(address, port) + ": has no address: " + ::gai_strerror(error) +
                ": set MASTER_ADDR to rank 0's host as the others see it");
}

[[noreturn]] void cannot_listen(const std::string& address, int port, int error) {
  const std::string what =
      meeting_place(address, port) + ": rank 0 cannot listen there: " + std::strerror(error) + ": ";
  if (error == EADDRINUSE) throw failure(what + "set another MASTER_PORT");
  throw failure(what + "set MASTER_ADDR to an address of rank 0's host, which is " + own_host());
}

}  // namespace

int listen_at(const std::string& address, int port) {
  const Addresses place = resolve(address, port, SOCK_STREAM);
  const int server =
      ::socket(place->ai_family, place->ai_socktype | SOCK_CLOEXEC, place->ai_protocol);
  const int yes = 1;
  ::setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(server, place->ai_addr, place->ai_addrlen) == 0 && ::listen(server, SOMAXCONN) == 0) {
    return server;
  }
  const int error = errno;
  ::close(server);
  cannot_listen(address, port, error);
}

int port_of(int listening_socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  ::getsockname(listening_socket, reinterpret_cast<sockaddr*>(&own), &size);
  if (own.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&own)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port);
}

std::string own_address_towards(const std::string& address, int port) {
  const Addresses place = resolve(address, port, SOCK_DGRAM);
  const int probe =
      ::socket(place->ai_family, place->ai_socktype | SOCK_CLOEXEC, place->ai_protocol);
  // Connecting a datagram socket sends nothing; it chooses the interface.
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  const bool found = ::connect(probe, place->ai_addr, place->ai_addrlen) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  const int error = errno;
  ::close(probe);
  char text[NI_MAXHOST] = "";
  if (found && ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text), nullptr,
                             0, NI_NUMERICHOST) == 0) {
    return text;
  }
  throw failure(meeting_place(address, port) + ": cannot be reached from " + own_host() + ": " +
                std::strerror(error) + ": set MASTER_ADDR to rank 0's host as the others see it");
}

}  // namespace isoflop
