/* waiting.h - how long OpenMP's threads wait for each other in a loop before they sleep. */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

/* Call before anything is opened or read, with main's own argv. Where the environment says nothing about it (OMP_WAIT_POLICY,
 * GOMP_SPINCOUNT), the program starts once more with a count of turns that take some 20 microseconds: libgomp reads it before main, and by
 * itself takes 300,000, which is milliseconds. That is as fast on a quiet machine, since most parallel regions follow each other sooner,
 * and on a busy one, where a thread waits for another one that was sent away, many times faster. */
void wait_briefly(char **argv);

#endif
