/* The main of a link test: the link itself is the test. */
int main(void) {
    return 0;
}
