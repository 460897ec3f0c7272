#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

int thread_leave(void *(*body)(void *), void *arg)
{
    pthread_attr_t how;
    pthread_t thread;
    sigset_t signals;
    int result = pthread_attr_init(&how);
    if (result)
        return -result;
    sigfillset(&signals);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setsigmask_np(&how, &signals);
    result = pthread_create(&thread, &how, body, arg);
    pthread_attr_destroy(&how);
    return -result;
}
