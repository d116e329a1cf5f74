def answer():
    return 42


def main():
    print(answer())
