// isoflop train --processes N: starts N processes of the same command line on this host and waits
// for them.
//
// Each finds its place in the environment, in torchrun's words (trainer/rank_place.h), and rank 0 a
// socket that listens on loopback already, so that nobody else can take the port in between. They
// die with this process (PR_SET_PDEATHSIG: a SIGTERM, upon which they save and stop); SIGINT,
// SIGTERM and SIGHUP are handed on to them.
//
// When one ends badly, the others are given 12 s to notice and say so, as they do within 10
// (trainer/ranks.h); then they are ended. Which one it was is said on stderr.
#ifndef ISOFLOP_APP_PROCESSES_H_
#define ISOFLOP_APP_PROCESSES_H_

namespace isoflop {

// How many processes this one was started as one of by run_processes; 0: it was not.
int started_as_one_of();

// Returns the exit code: 0, or that of the first process that ended badly, 1 for one that was
// killed.
int run_processes(int count);

}  // namespace isoflop

#endif  // ISOFLOP_APP_PROCESSES_H_
